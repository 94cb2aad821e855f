"""One whole local stack for the suite: real gateway, functions, queues, database and the real container."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scrutineer.cli.stack import DEMO_MODEL, first_key
from scrutineer.local.settings import StackSettings
from scrutineer.local.stack import LocalStack
from tests.end_to_end.desk import Desk, sample_body
from tests.end_to_end.issuer import Issuer
from tests.fakes.http_endpoint import HttpEndpoint, serving
from tests.unit.endpoint_container.checkpoints import write_clip

FOLDER = Path(__file__).parent
LAST = "test_roles.py"
QUEUES = ("PrecheckQueue", "PrecheckBulkQueue", "InvokeQueue", "InvokeBulkQueue", "FormatQueue", "SpreadQueue")
PHOTO_BUCKET = "business-photos"
WORKERS = ("PrecheckFunction", "InvokeFunction", "FormatFunction")
FAST = StackSettings(
    model_dir=DEMO_MODEL,
    # Recovery at the pace of a test: leases of seconds, a sweeper that comes every second.
    function_environment={
        **{worker: {"LEASE_S": "6"} for worker in WORKERS},
        "SpreadFunction": {"LEASE_S": "6"},
        "SweeperFunction": {"SWEEP_AFTER_S": "2"},
        "ArchiveFunction": {"ARCHIVE_AFTER_S": "2"},
    },
    visibility_timeout_s=dict.fromkeys(QUEUES, 8),
    schedule_s={
        "SweeperFunctionEveryMinute": 1.0,
        "ArchiveFunctionEveryMinute": 1.0,
        "NotifyFunctionEveryMinute": 3600.0,  # it comes to what is due by a word from whoever wrote it
    },
    default_max_slots=6,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts what looks back on all the others behind them."""
    places = [place for place, item in enumerate(items) if item.path.parent == FOLDER]
    ordered = sorted((items[place] for place in places), key=lambda item: item.path.name == LAST)
    for place, item in zip(places, ordered, strict=True):
        items[place] = item


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """Whose JWTs sign people in."""
    with Issuer() as running:
        yield running


@pytest.fixture(scope="session")
def receiver() -> Iterator[HttpEndpoint]:
    """Where webhooks may go; what came in stays in `requests`."""
    with serving() as running:
        yield running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer, receiver: HttpEndpoint) -> Iterator[LocalStack]:
    clip = write_clip(tmp_path_factory.mktemp("clip"))
    own = {
        "data_dir": tmp_path_factory.mktemp("stack"),
        "further_models": {"EmbeddingEndpointUrl": clip},
        "parameters": {**issuer.parameters, "HotReads": "dynamodb", "PhotoBuckets": PHOTO_BUCKET},
        "function_environment": {
            **FAST.function_environment,
            **{
                teller: {"OUTWARD_LOCAL": f"127.0.0.1:{receiver.server_port}"}
                for teller in ("NotifyFunction", "WebhooksFunction")
            },
            **{
                reader: {
                    **FAST.function_environment.get(reader, {}),
                    "OUTWARD_LOCAL": f"127.0.0.1:{receiver.server_port}",
                }
                for reader in ("InspectionsFunction", "SpreadFunction")
            },
        },
    }
    settings = StackSettings(**{**vars(FAST), **own})
    with LocalStack(settings) as running:
        yield running


@pytest.fixture(scope="session")
def key(stack: LocalStack) -> str:
    """An admin's, on a plan that does not slow the tests down."""
    with stack.database.open() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE plans SET rate_per_s = 1000, burst = 1000, concurrent = 1000 WHERE plan = 'standard'")
        connection.commit()
    return first_key(stack)


@pytest.fixture(scope="session")
def client(stack: LocalStack, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, headers={"x-api-key": key}, timeout=40, trust_env=False) as http:
        yield http


@pytest.fixture(scope="session")
def anybody(stack: LocalStack) -> Iterator[httpx.Client]:
    """Without a credential."""
    with httpx.Client(base_url=stack.url, timeout=40, trust_env=False) as http:
        yield http


@pytest.fixture(scope="session")
def desk(client: httpx.Client, anybody: httpx.Client, receiver: HttpEndpoint) -> Desk:
    """Where clients, keys, members and plans are made."""
    return Desk(client, anybody, receiver.url)


@pytest.fixture
def body() -> dict[str, Any]:
    """A valid request with three small photos; a fresh copy each time."""
    return sample_body()


@pytest.fixture
def final(client: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Ask for an inspection until it is final."""

    def wait(inspection_id: str, within_s: float = 60) -> dict[str, Any]:
        end = time.monotonic() + within_s
        while True:
            try:
                answer = client.get(f"/v1/inspections/{inspection_id}")
                if answer.status_code == 200 and answer.json()["final"]:
                    found: dict[str, Any] = answer.json()
                    return found
            except httpx.HTTPError as error:
                answer = httpx.Response(599, text=str(error))
            assert time.monotonic() < end, f"{inspection_id} is not final: {answer.status_code} {answer.text[:300]}"
            time.sleep(0.1)

    return wait


@pytest.fixture
def stored(stack: LocalStack) -> Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Rows of a query against the stack's database."""

    def query(statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with stack.database.open() as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    return query
