"""Endpoints and the log of their deliveries, over the real tables."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from core.database import Database
from core.errors import Conflict, NotFound, UnsafeAddress
from tests.fakes.api_gateway import an_actor
from webhooks.contract import DeliveryState, EndpointChange, NewEndpoint, Replay, SecretRotation
from webhooks.delivery_log import MOST_REPLAYED, DeliveryLog
from webhooks.endpoints import MOST_ENDPOINTS, Endpoints

URL = "https://receiver.example/hooks"
OURS, THEIRS = "client-a", "client-b"
WE, THEY = an_actor(OURS), an_actor(THEIRS)


def judge(url: str) -> None:
    if "inside" in url:
        raise UnsafeAddress("The address does not lead to a public host.", field="url")


@pytest.fixture
def endpoints(database: Database) -> Endpoints:
    return Endpoints(database, judge)


@pytest.fixture
def endpoint_id(endpoints: Endpoints) -> str:
    return endpoints.create(WE, NewEndpoint(url=URL)).endpoint_id


@pytest.fixture
def log(database: Database) -> DeliveryLog:
    return DeliveryLog(database)


def add(database: Database, endpoint_id: str, number: int, state: str = "delivered", hours_ago: int = 1) -> str:
    delivery_id = f"msg_{chr(97 + number) * 26}"
    database.execute(
        "INSERT INTO webhook_deliveries (delivery_id, endpoint_id, client_id, inspection_id, event, state, next_at,"
        " created_at, updated_at) VALUES (%s, %s, %s, 'insp_a', 'inspection.passed', %s, NULL,"
        " UTC_TIMESTAMP(6) - INTERVAL %s HOUR, UTC_TIMESTAMP(6))",
        (delivery_id, endpoint_id, OURS, state, hours_ago),
    )
    return delivery_id


def waiting(database: Database) -> list[str]:
    return [
        row["replay_of"]
        for row in database.all("SELECT replay_of FROM webhook_deliveries WHERE state = 'waiting' ORDER BY sequence")
    ]


def ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def test_the_secret_is_shown_when_it_is_made_and_never_again(endpoints: Endpoints) -> None:
    made = endpoints.create(WE, NewEndpoint(url=URL))
    assert made.secret.startswith("whsec_")
    rotated = endpoints.rotate(WE, made.endpoint_id, SecretRotation())
    assert rotated.secret != made.secret
    for shown in (endpoints.one(OURS, made.endpoint_id), endpoints.all(OURS)):
        assert "whsec_" not in shown.model_dump_json()


def test_a_second_rotation_ends_the_oldest_secret(database: Database, endpoints: Endpoints, endpoint_id: str) -> None:
    first = endpoints.rotate(WE, endpoint_id, SecretRotation()).secret
    second = endpoints.rotate(WE, endpoint_id, SecretRotation(overlap_s=60)).secret
    row = database.one("SELECT secret, old_secret FROM webhook_endpoints")
    assert row == {"secret": second, "old_secret": first}


@pytest.mark.parametrize(
    "ask",
    [
        lambda endpoints, each: endpoints.one(THEIRS, each),
        lambda endpoints, each: endpoints.update(THEY, each, EndpointChange(disabled=True)),
        lambda endpoints, each: endpoints.update(THEY, each, EndpointChange(url="https://inside/")),
        lambda endpoints, each: endpoints.remove(THEY, each),
        lambda endpoints, each: endpoints.rotate(THEY, each, SecretRotation()),
        lambda endpoints, each: endpoints.test(THEIRS, each),
    ],
)
def test_another_clients_endpoint_is_unknown(
    database: Database, endpoints: Endpoints, endpoint_id: str, ask: Callable[[Endpoints, str], object]
) -> None:
    before = database.all("SELECT * FROM webhook_endpoints")
    with pytest.raises(NotFound):
        ask(endpoints, endpoint_id)
    assert database.all("SELECT * FROM webhook_endpoints") == before
    assert endpoints.all(THEIRS).endpoints == []


def test_an_address_is_judged_when_it_is_made_and_when_it_changes(endpoints: Endpoints, endpoint_id: str) -> None:
    with pytest.raises(UnsafeAddress):
        endpoints.create(WE, NewEndpoint(url="https://inside/"))
    with pytest.raises(UnsafeAddress):
        endpoints.update(WE, endpoint_id, EndpointChange(url="https://inside/"))
    assert [each.url for each in endpoints.all(OURS).endpoints] == [URL]


def test_a_client_may_have_so_many(endpoints: Endpoints, endpoint_id: str) -> None:
    for _ in range(MOST_ENDPOINTS - 1):
        endpoints.create(WE, NewEndpoint(url=URL))
    with pytest.raises(Conflict):
        endpoints.create(WE, NewEndpoint(url=URL))
    endpoints.create(THEY, NewEndpoint(url=URL))


def test_changes_are_what_was_named(endpoints: Endpoints, endpoint_id: str) -> None:
    changed = endpoints.update(WE, endpoint_id, EndpointChange(events=["batch.finished"]))
    assert (changed.url, changed.events, changed.disabled_at) == (URL, ["batch.finished"], None)
    changed = endpoints.update(WE, endpoint_id, EndpointChange(url=f"{URL}/2", disabled=True))
    assert (changed.url, changed.events) == (f"{URL}/2", ["batch.finished"])
    assert changed.disabled_at is not None
    with pytest.raises(Conflict):
        endpoints.test(OURS, endpoint_id)
    assert endpoints.update(WE, endpoint_id, EndpointChange(disabled=False)).disabled_why is None


def test_every_change_has_its_line_in_the_audit_log(database: Database, endpoints: Endpoints) -> None:
    sequence = "SELECT COALESCE(MAX(sequence), 0) AS last FROM audit_log"
    before = database.one(sequence)
    assert before is not None
    made = endpoints.create(WE, NewEndpoint(url=URL))
    endpoints.update(WE, made.endpoint_id, EndpointChange(url=f"{URL}/2"))
    endpoints.rotate(WE, made.endpoint_id, SecretRotation())
    with pytest.raises(NotFound):
        endpoints.remove(THEY, made.endpoint_id)
    endpoints.remove(WE, made.endpoint_id)
    lines = database.all("SELECT * FROM audit_log WHERE sequence > %s ORDER BY sequence", (before["last"],))
    assert [line["action"] for line in lines] == [
        "webhooks:create",
        "webhooks:update",
        "webhooks:rotate",
        "webhooks:delete",
    ]
    assert {(line["client_id"], line["target"], line["actor"]) for line in lines} == {
        (OURS, made.endpoint_id, WE.principal.actor)
    }
    assert json.loads(lines[1]["before_it"])["url"] == URL
    assert json.loads(lines[1]["after_it"])["url"] == f"{URL}/2"
    assert "whsec_" not in str(lines)


def test_the_log_is_paged_and_filtered(database: Database, log: DeliveryLog, endpoint_id: str) -> None:
    ids = [add(database, endpoint_id, number, "dead" if number == 1 else "delivered") for number in range(5)]
    first = log.page(endpoint_id, cursor=None, state=None, limit=3)
    rest = log.page(endpoint_id, cursor=first.next_cursor, state=None, limit=3)
    assert [each.delivery_id for each in (*first.deliveries, *rest.deliveries)] == ids[::-1]
    assert rest.next_cursor is None
    dead = log.page(endpoint_id, cursor=None, state=DeliveryState.DEAD, limit=3)
    assert [each.delivery_id for each in dead.deliveries] == [ids[1]]
    assert log.page("hook_other", cursor=None, state=None, limit=3).deliveries == []


def test_one_is_replayed_under_its_own_id(database: Database, log: DeliveryLog, endpoint_id: str) -> None:
    delivery_id = add(database, endpoint_id, 0)
    assert log.replay(endpoint_id, Replay(delivery_id=delivery_id)).replayed == 1
    assert waiting(database) == [delivery_id]
    with pytest.raises(Conflict):
        log.replay(endpoint_id, Replay(delivery_id=delivery_id))
    replay = log.page(endpoint_id, cursor=None, state=DeliveryState.WAITING, limit=1).deliveries[0]
    assert (replay.message_id, replay.replay_of) == (delivery_id, delivery_id)
    database.execute("UPDATE webhook_deliveries SET state = 'dead'")
    log.replay(endpoint_id, Replay(delivery_id=replay.delivery_id))
    assert waiting(database) == [delivery_id], "a replay of a replay is the same message"


def test_of_another_endpoint_there_is_nothing_to_replay(
    database: Database, log: DeliveryLog, endpoints: Endpoints, endpoint_id: str
) -> None:
    delivery_id = add(database, endpoint_id, 0)
    other = endpoints.create(THEY, NewEndpoint(url=URL)).endpoint_id
    with pytest.raises(NotFound):
        log.replay(other, Replay(delivery_id=delivery_id))
    assert log.replay(other, Replay(since=ago(5))).replayed == 0
    assert waiting(database) == []


def test_a_span_is_replayed_oldest_first_and_once(database: Database, log: DeliveryLog, endpoint_id: str) -> None:
    early, late, dead, young = (
        add(database, endpoint_id, number, state, hours)
        for number, (state, hours) in enumerate([("delivered", 9), ("delivered", 3), ("dead", 4), ("dead", 1)])
    )
    span = Replay(since=ago(5), until=ago(2))
    assert log.replay(endpoint_id, span).replayed == 2
    assert waiting(database) == [dead, late]
    assert log.replay(endpoint_id, span).replayed == 0
    assert log.replay(endpoint_id, Replay(since=ago(24), state="dead")).replayed == 1
    assert waiting(database) == [dead, late, young]
    assert early not in waiting(database)


def test_what_a_replay_delivered_is_not_dead(database: Database, log: DeliveryLog, endpoint_id: str) -> None:
    add(database, endpoint_id, 0, "dead")
    log.replay(endpoint_id, Replay(since=ago(2), state="dead"))
    database.execute("UPDATE webhook_deliveries SET state = 'delivered' WHERE replay_of <> ''")
    assert log.replay(endpoint_id, Replay(since=ago(2), state="dead")).replayed == 0
    assert log.replay(endpoint_id, Replay(since=ago(2))).replayed == 1


def test_a_long_span_is_replayed_in_portions(database: Database, log: DeliveryLog, endpoint_id: str) -> None:
    add(database, endpoint_id, 0)
    for number in range(10):  # 1, 2, 4, … 1,024 rows
        database.execute(
            "INSERT INTO webhook_deliveries (delivery_id, endpoint_id, client_id, inspection_id, event, state,"
            " created_at, updated_at) SELECT CONCAT('m', %s, '_', sequence), endpoint_id, client_id, inspection_id,"
            " event, state, created_at + INTERVAL sequence MICROSECOND, updated_at FROM webhook_deliveries",
            (number,),
        )
    first = log.replay(endpoint_id, Replay(since=ago(2)))
    assert (first.replayed, first.more) == (MOST_REPLAYED, True)
    assert first.next_since is not None
    rest = log.replay(endpoint_id, Replay(since=first.next_since))
    assert (rest.replayed, rest.more) == (1024 - MOST_REPLAYED, False)
    assert len(set(waiting(database))) == 1024


def test_a_disabled_endpoint_replays_nothing(
    database: Database, log: DeliveryLog, endpoints: Endpoints, endpoint_id: str
) -> None:
    add(database, endpoint_id, 0)
    endpoints.update(WE, endpoint_id, EndpointChange(disabled=True))
    with pytest.raises(Conflict):
        log.replay(endpoint_id, Replay(since=ago(2)))
