"""From the end of an inspection to its receiver, over the real tables; time passes by moving rows."""

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from core import aws
from core.database import Database, Row
from core.delivery_nudge import DeliveryNudge
from core.settings import DatabaseSettings
from core.states import State
from core.webhook_outbox import tell_of_batch
from core.work_records import Claimed, WorkRecords
from notify.deliver import NotSent, Round, deliver
from notify.deliveries import Deliveries
from notify.retries import DELAYS_S, MOST_ATTEMPTS
from tests.fakes.api_gateway import an_actor
from tests.fakes.receiver import FakeReceiver, Got
from tests.fakes.requests import RESULT, accepted
from webhooks.contract import EndpointChange, IssuedEndpoint, NewEndpoint, Replay, SecretRotation
from webhooks.delivery_log import DeliveryLog
from webhooks.endpoints import Endpoints

URL = "https://receiver.example/hooks"
HOUR_S = 3600.0


@pytest.fixture
def endpoints(database: Database) -> Endpoints:
    return Endpoints(database, lambda url: None)


@pytest.fixture
def endpoint(endpoints: Endpoints) -> IssuedEndpoint:
    return added(endpoints)


def added(endpoints: Endpoints, client_id: str = "client-a", url: str = URL, events: Any = ("*",)) -> IssuedEndpoint:
    return endpoints.create(an_actor(client_id), NewEndpoint(url=url, events=list(events)))


def ended(database: Database, client_id: str = "client-a", outcome: str = "passed") -> str:
    """An inspection that came to its end; its id."""
    inspection_id = accepted(database, client_id=client_id)
    records = WorkRecords(database)
    start = State.ACCEPTED
    for end in (State.PRECHECKED, State.INFERRED):
        claimed = records.claim(inspection_id, start, "w", 30)
        assert isinstance(claimed, Claimed)
        records.advance(claimed, start, end)
        start = end
    claimed = records.claim(inspection_id, start, "w", 30)
    assert isinstance(claimed, Claimed)
    if outcome in ("passed", "failed", "review"):
        records.finish_with_result(claimed, start, {**RESULT, "outcome": outcome})
    else:
        records.finish_with_failure(claimed, start, State(outcome), code="internal_error", detail="It broke.")
    return inspection_id


def rounds(database: Database, receiver: FakeReceiver) -> Round:
    return deliver(Deliveries(database, lease_s=75), receiver, lambda: 60.0)


def pass_time(database: Database, seconds: float) -> None:
    database.execute(
        "UPDATE webhook_deliveries SET next_at = next_at - INTERVAL %s MICROSECOND", (round(seconds * 1e6),)
    )


def rows(database: Database) -> list[Row]:
    return database.all("SELECT * FROM webhook_deliveries ORDER BY sequence")


def states(database: Database) -> list[str]:
    return [row["state"] for row in rows(database)]


# ------------------------------------------------------------------------------------------------------- the outbox


def test_the_end_of_an_inspection_is_told_and_nothing_before(database: Database, endpoint: IssuedEndpoint) -> None:
    accepted(database)
    assert rows(database) == []
    inspection_id = ended(database)
    (row,) = rows(database)
    assert (row["inspection_id"], row["event"], row["state"]) == (inspection_id, "inspection.passed", "waiting")
    assert (row["endpoint_id"], row["client_id"]) == (endpoint.endpoint_id, "client-a")


def test_an_end_that_is_rolled_back_is_told_to_nobody(database: Database, endpoint: IssuedEndpoint) -> None:
    from core.step_events import note_step

    inspection_id = accepted(database)

    def work(transaction: Any) -> None:
        note_step(transaction, inspection_id, "client-a", State.CANCELLED)
        raise RuntimeError("crash")

    with pytest.raises(RuntimeError):
        database.transaction(work)
    assert rows(database) == []


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (("*",), ["inspection.passed", "inspection.error"]),
        (("inspection.error",), ["inspection.error"]),
        (("inspection.review", "batch.finished"), []),
    ],
)
def test_a_filter_lets_through_what_it_names(
    database: Database, endpoints: Endpoints, events: tuple[str, ...], told: list[str]
) -> None:
    added(endpoints, events=events)
    ended(database)
    ended(database, outcome="error")
    assert [row["event"] for row in rows(database)] == told


def test_each_endpoint_of_the_client_and_nobody_else_is_told(database: Database, endpoints: Endpoints) -> None:
    ours = {added(endpoints).endpoint_id, added(endpoints, url=f"{URL}/2").endpoint_id}
    added(endpoints, "client-b")
    ended(database)
    assert {row["endpoint_id"] for row in rows(database)} == ours


# -------------------------------------------------------------------------------------------------------- delivering


def test_a_message_is_the_inspection_signed(database: Database, endpoint: IssuedEndpoint) -> None:
    inspection_id, receiver = ended(database), FakeReceiver()
    assert rounds(database, receiver) == Round(delivered=1)
    (got,) = receiver.got
    assert got.url == URL
    told = Webhook(endpoint.secret).verify(got.body, got.headers)
    assert told["type"] == "inspection.passed"
    assert (told["data"]["id"], told["data"]["state"], told["data"]["final"]) == (inspection_id, "passed", True)
    assert told["timestamp"] == told["data"]["finished_at"]
    assert [photo["name"] for photo in told["data"]["photos"]] == [None] * 3
    (row,) = rows(database)
    assert (row["state"], row["attempts"], row["last_status"], row["next_at"]) == ("delivered", 1, 200, None)
    assert got.message_id == row["delivery_id"]
    assert rounds(database, receiver) == Round()


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_delivered(database: Database, endpoint: IssuedEndpoint, status: int) -> None:
    ended(database)
    rounds(database, FakeReceiver(lambda got: status))
    assert states(database) == ["delivered"]


@pytest.mark.parametrize("status", [199, 300, 301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_anything_else_is_tried_again_a_redirect_too(database: Database, endpoint: IssuedEndpoint, status: int) -> None:
    ended(database)
    assert rounds(database, FakeReceiver(lambda got: status)) == Round(failed=1)
    (row,) = rows(database)
    assert (row["state"], row["last_status"], row["attempts"]) == ("waiting", status, 1)
    assert row["last_error"] == f"The receiver answered {status}."


def test_a_receiver_that_is_away_for_76_hours_ends_as_dead(database: Database, endpoint: IssuedEndpoint) -> None:
    def away(got: Got) -> int:
        raise NotSent("The host can't be reached.")

    receiver, waited_s = FakeReceiver(away), 0.0
    ended(database)
    for attempt in range(1, MOST_ATTEMPTS):
        assert rounds(database, receiver) == Round(failed=1)
        assert rounds(database, receiver) == Round(), "sent again before its time"
        wait = database.one(
            "SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), next_at) / 1e6 AS s FROM webhook_deliveries"
        )
        assert wait is not None
        expected = DELAYS_S[attempt - 1]
        assert 0.9 * expected - 2 < float(wait["s"]) < 1.1 * expected
        waited_s += float(wait["s"])
        pass_time(database, float(wait["s"]) + 1)
    assert rounds(database, receiver) == Round(dead=1)
    assert len(receiver.got) == 10
    assert 68 * HOUR_S < waited_s < 84 * HOUR_S
    assert len({got.message_id for got in receiver.got}) == 1
    (row,) = rows(database)
    assert (row["state"], row["attempts"], row["last_error"]) == ("dead", 10, "The host can't be reached.")
    pass_time(database, 1000 * HOUR_S)
    assert rounds(database, receiver) == Round()


def test_a_receiver_that_comes_back_gets_it(database: Database, endpoint: IssuedEndpoint) -> None:
    ended(database)
    rounds(database, FakeReceiver(lambda got: 503))
    pass_time(database, 8 * HOUR_S)
    assert rounds(database, FakeReceiver()) == Round(delivered=1)
    (row,) = rows(database)
    assert (row["state"], row["attempts"], row["last_error"], row["last_status"]) == ("delivered", 2, None, 200)


def test_410_disables_the_endpoint_and_what_waits_is_dead(
    database: Database, endpoints: Endpoints, endpoint: IssuedEndpoint
) -> None:
    ended(database)
    rounds(database, FakeReceiver(lambda got: 500))
    ended(database)
    assert rounds(database, FakeReceiver(lambda got: 410)) == Round(dead=1, disabled=1)
    assert states(database) == ["dead", "dead"]
    shown = endpoints.one("client-a", endpoint.endpoint_id)
    assert shown.disabled_at is not None
    assert "410" in str(shown.disabled_why)
    ended(database)
    assert states(database) == ["dead", "dead", "dead"], "a disabled endpoint's messages are dead and visible"
    receiver = FakeReceiver()
    assert rounds(database, receiver) == Round()
    assert receiver.got == []


def test_after_enabling_again_a_replay_brings_all_of_it(
    database: Database, endpoints: Endpoints, endpoint: IssuedEndpoint
) -> None:
    endpoints.update(an_actor("client-a"), endpoint.endpoint_id, EndpointChange(disabled=True))
    missed = [ended(database), ended(database)]
    endpoints.update(an_actor("client-a"), endpoint.endpoint_id, EndpointChange(disabled=False))
    (first, _) = rows(database)
    since = first["created_at"].astimezone() - timedelta(days=1)
    replayed = DeliveryLog(database).replay(endpoint.endpoint_id, Replay(since=since))
    receiver = FakeReceiver()
    rounds(database, receiver)
    assert replayed.replayed == 2
    assert sorted(json.loads(got.body)["data"]["id"] for got in receiver.got) == sorted(missed)


def test_a_removed_endpoint_gets_nothing_more(
    database: Database, endpoints: Endpoints, endpoint: IssuedEndpoint
) -> None:
    ended(database)
    (due,) = (deliveries := Deliveries(database, 75)).due()
    endpoints.remove(an_actor("client-a"), endpoint.endpoint_id)
    assert states(database) == ["dead"]
    assert deliveries.claim(due, "w", 4) == []


def test_what_a_dead_worker_held_is_dead_once_its_endpoint_is_gone(
    database: Database, endpoints: Endpoints, endpoint: IssuedEndpoint
) -> None:
    ended(database)
    deliveries = Deliveries(database, 75)
    (due,) = deliveries.due()
    assert len(deliveries.claim(due, "dies", 4)) == 1
    endpoints.remove(an_actor("client-a"), endpoint.endpoint_id)
    assert states(database) == ["waiting"]
    pass_time(database, 76)
    assert rounds(database, FakeReceiver()) == Round()
    assert [(row["state"], row["attempts"]) for row in rows(database)] == [("dead", 1)]


def test_a_finished_batch_is_told(database: Database, endpoint: IssuedEndpoint) -> None:
    database.execute(
        "INSERT INTO batches (batch_id, client_id, request_hash, name, state, manifest_key, line_count, created_at,"
        " finished_at, updated_at) VALUES ('batch_a', 'client-a', '', 'night', 'finished', 'k', 7, UTC_TIMESTAMP(6),"
        " UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))"
    )
    database.transaction(lambda transaction: tell_of_batch(transaction, "batch_a", "client-a"))
    receiver = FakeReceiver()
    rounds(database, receiver)
    told = Webhook(endpoint.secret).verify(receiver.got[0].body, receiver.got[0].headers)
    assert told["type"] == "batch.finished"
    assert (told["data"]["id"], told["data"]["lines"], told["data"]["state"]) == ("batch_a", 7, "finished")


def test_what_ended_a_month_ago_is_forgotten_and_what_waits_is_not(
    database: Database, endpoint: IssuedEndpoint
) -> None:
    for _ in range(3):
        ended(database)
    _, waits, young = (row["delivery_id"] for row in rows(database))
    database.execute("UPDATE webhook_deliveries SET state = 'dead' WHERE delivery_id <> %s", (waits,))
    database.execute(
        "UPDATE webhook_deliveries SET created_at = created_at - INTERVAL 31 DAY WHERE delivery_id <> %s", (young,)
    )
    assert Deliveries(database, 75).forget() == 1
    assert [row["delivery_id"] for row in rows(database)] == [waits, young]


# ---------------------------------------------------------------------------------------------------------- rotation


def test_while_secrets_overlap_either_verifies_and_then_only_the_new_one(
    database: Database, endpoints: Endpoints, endpoint: IssuedEndpoint
) -> None:
    new = endpoints.rotate(an_actor("client-a"), endpoint.endpoint_id, SecretRotation(overlap_s=3600))
    assert new.secret != endpoint.secret
    receiver = FakeReceiver()
    ended(database)
    rounds(database, receiver)
    for secret in (endpoint.secret, new.secret):
        assert Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
    database.execute("UPDATE webhook_endpoints SET old_secret_until = old_secret_until - INTERVAL 1 HOUR")
    ended(database)
    rounds(database, receiver)
    assert Webhook(new.secret).verify(receiver.got[1].body, receiver.got[1].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.secret).verify(receiver.got[1].body, receiver.got[1].headers)


# ------------------------------------------------------------------------------------------------- several at a time


@pytest.fixture
def many(database: Database, endpoint: IssuedEndpoint) -> int:
    ended(database)
    (row,) = rows(database)
    for number in range(39):
        copy(database, row, f"msg_{number}")
    return 40


def copy(database: Database, row: Row, delivery_id: str) -> None:
    database.execute(
        "INSERT INTO webhook_deliveries (delivery_id, endpoint_id, client_id, inspection_id, event, next_at,"
        " created_at, updated_at) VALUES (%s, %s, %s, %s, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
        (delivery_id, row["endpoint_id"], row["client_id"], row["inspection_id"], row["event"]),
    )


def test_two_workers_at_once_send_each_message_once(connect: Callable[[], Database], many: int) -> None:
    receiver, start = FakeReceiver(), threading.Barrier(2)

    def work(database: Database) -> None:
        start.wait()
        rounds(database, receiver)

    workers = [threading.Thread(target=work, args=(connect(),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    ids = [got.message_id for got in receiver.got]
    assert len(ids) == len(set(ids)) == many


def test_a_dead_workers_attempt_is_made_again_and_its_late_word_is_dropped(
    database: Database, endpoint: IssuedEndpoint
) -> None:
    ended(database)
    deliveries = Deliveries(database, 75)
    (due,) = deliveries.due()
    (first,) = deliveries.claim(due, "slow", 4)
    assert deliveries.due() == []
    pass_time(database, 76)
    (due,) = deliveries.due()
    (second,) = deliveries.claim(due, "next", 4)
    assert (second.attempt, second.message.message_id) == (2, first.message.message_id)
    assert not deliveries.delivered(first, 200)
    deliveries.gone(first, 410)
    deliveries.failed(first, 500, "late")
    (row,) = rows(database)
    assert (row["state"], row["lease_owner"], row["last_status"]) == ("waiting", "next", None)
    assert deliveries.delivered(second, 200)


def test_a_worker_that_always_dies_does_not_send_for_ever(database: Database, endpoint: IssuedEndpoint) -> None:
    ended(database)
    deliveries = Deliveries(database, 75)
    for _ in range(MOST_ATTEMPTS):
        assert len(deliveries.claim(deliveries.due()[0], "dies", 4)) == 1
        pass_time(database, 76)
    assert rounds(database, FakeReceiver()) == Round()
    assert [(row["state"], row["attempts"]) for row in rows(database)] == [("dead", MOST_ATTEMPTS)]


def test_one_slow_receiver_holds_up_nobody_else(database: Database, endpoints: Endpoints, many: int) -> None:
    """40 messages wait for a receiver that never answers before another client's 20 have arrived."""
    added(endpoints, "client-b", f"{URL}/b")
    ended(database, "client-b")
    b = rows(database)[-1]
    for number in range(19):
        copy(database, b, f"msg_b{number}")
    all_b, at_once, most = threading.Event(), [0], [0]
    late: list[Got] = []
    counting = threading.Lock()

    def answer(got: Got) -> int:
        if got.url.endswith("/b"):
            if len(receiver.to(got.url)) == 20:
                all_b.set()
            return 200
        with counting:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        if not all_b.wait(10):
            late.append(got)
        with counting:
            at_once[0] -= 1
        return 200

    receiver = FakeReceiver(answer)
    assert rounds(database, receiver) == Round(delivered=60)
    assert late == []
    assert most[0] == 4


def test_nothing_is_begun_that_could_not_be_finished(database: Database, many: int) -> None:
    receiver = FakeReceiver()
    assert deliver(Deliveries(database, 75), receiver, lambda: 14.0) == Round()
    assert receiver.got == []


def test_a_bug_in_one_attempt_is_that_attempts(database: Database, many: int) -> None:
    def broken(got: Got) -> int:
        if got.message_id == "msg_7":
            raise ZeroDivisionError
        return 200

    assert rounds(database, FakeReceiver(broken)) == Round(delivered=many - 1, failed=1)


# ---------------------------------------------------------------------------------------------------------- the nudge


class FakeSqs:
    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_message(self, **message: Any) -> None:
        self.sent.append(message)


def test_notify_is_woken_only_for_who_has_an_endpoint(database: Database, endpoint: IssuedEndpoint) -> None:
    sqs = FakeSqs()
    nudge = DeliveryNudge(database, lambda: sqs, "queue")
    nudge.after_end(ended(database, "client-b"))
    assert sqs.sent == []
    nudge.after_end(ended(database))
    assert sqs.sent == [{"QueueUrl": "queue", "MessageBody": "{}"}]


def test_a_word_that_does_not_arrive_costs_little_and_breaks_nothing(
    settings: DatabaseSettings, database: Database, endpoint: IssuedEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    inspection_id = ended(database)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes the connection and never answers
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        DeliveryNudge(database, aws.impatient_sqs.__wrapped__, "http://127.0.0.1/queue").after_end(inspection_id)
        assert time.monotonic() - begun < 10, "not the minute that botocore waits by itself"
    away = Database(replace(settings, port=9))
    DeliveryNudge(away, aws.impatient_sqs.__wrapped__, "http://127.0.0.1/queue").after_end(inspection_id)


def test_how_long_something_has_been_due_is_told(database: Database, endpoint: IssuedEndpoint) -> None:
    deliveries = Deliveries(database, lease_s=75)
    assert deliveries.overdue_s() == 0
    ended(database)
    pass_time(database, 900)
    added_later = ended(database)
    assert 900 <= deliveries.overdue_s() < 930, "the first of them counts"
    assert rounds(database, FakeReceiver(lambda got: 500)) == Round(failed=2)
    assert deliveries.overdue_s() == 0, f"{added_later} and the other are due later"
