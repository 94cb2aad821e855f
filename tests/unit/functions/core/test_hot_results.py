"""The table for hot reads, against moto's DynamoDB made as the template makes it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from core.errors import Unavailable
from core.hot_results import DynamoResults
from scrutineer.local.settings import StackSettings
from scrutineer.local.template import load_template

ENDED = datetime(2026, 1, 2, 3, 4, 5)
NOW = ENDED.replace(tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def definition() -> dict[str, Any]:
    template = load_template(StackSettings().template, queues_url="http://q", parameters={"HotReads": "dynamodb"})
    assert template.tables["HotResults"].ttl_attribute == "expires_at"
    return dict(template.tables["HotResults"].definition)


@pytest.fixture
def client(definition: dict[str, Any]) -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="y")
        client.create_table(TableName="hot", **definition)
        yield client
        client.close()


def results(client: Any, *, days: int = 7, now: float = NOW) -> DynamoResults:
    return DynamoResults(lambda: client, "hot", days, clock=lambda: now)


def test_what_is_put_is_found_by_its_own_client_alone(client: Any) -> None:
    results(client).put("client-a", "insp_x", b'{"id":"insp_x"}', ENDED)
    assert results(client).find("client-a", "insp_x") == b'{"id":"insp_x"}'
    assert results(client).find("client-b", "insp_x") is None
    assert results(client).find("client-a", "insp_y") is None


def test_a_final_inspection_is_never_replaced(client: Any) -> None:
    results(client).put("client-a", "insp_x", b"final", ENDED)
    results(client).put("client-a", "insp_x", b"an older state", ENDED + timedelta(days=1))
    assert results(client).find("client-a", "insp_x") == b"final"


def test_time_to_live_counts_from_the_end(client: Any) -> None:
    results(client, days=2).put("client-a", "insp_x", b"{}", ENDED)
    item = client.scan(TableName="hot")["Items"][0]
    assert int(item["expires_at"]["N"]) == int(NOW) + 2 * 86_400
    # DynamoDB deletes hours or days later; what is over is not shown meanwhile.
    assert results(client, now=NOW + 2 * 86_400 - 1).find("client-a", "insp_x") == b"{}"
    assert results(client, now=NOW + 2 * 86_400).find("client-a", "insp_x") is None


def test_what_is_over_already_is_not_put(client: Any) -> None:
    results(client, days=2, now=NOW + 3 * 86_400).put("client-a", "insp_x", b"{}", ENDED)
    assert client.scan(TableName="hot")["Items"] == []


class Refusing:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> None:
            raise self._error

        return call


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://x"),
        ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "PutItem"),
    ],
)
def test_table_that_is_away(error: Exception) -> None:
    with pytest.raises(Unavailable):
        results(Refusing(error)).put("client-a", "insp_x", b"{}", ENDED)
    with pytest.raises(Unavailable):
        results(Refusing(error)).find("client-a", "insp_x")
