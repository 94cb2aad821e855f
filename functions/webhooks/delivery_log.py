"""What became of each message to an endpoint, and sending it once more."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.cursor import decode_cursor, encode_cursor
from core.database import Database, Row, Transaction
from core.errors import Conflict, NotFound
from core.identifiers import is_identifier, new_identifier
from webhooks.contract import Delivery, DeliveryPage, DeliveryState, Replay, Replayed

MOST_REPLAYED = 1000
COLUMNS = (
    "sequence, delivery_id, event, inspection_id, batch_id, replay_of, state, attempts, next_at, last_status,"
    " last_error, created_at, updated_at"
)
MOMENTS = ("next_at", "created_at", "updated_at")


class DeliveryLog:
    """Over one `Database`; that the endpoint is the client's has been found out. Raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, endpoint_id: str, *, cursor: str | None, state: DeliveryState | None, limit: int) -> DeliveryPage:
        """Newest first. Raises InvalidRequest for a cursor that is none of ours."""
        rows = self._database.all(
            f"SELECT {COLUMNS} FROM webhook_deliveries WHERE endpoint_id = %(endpoint_id)s"
            " AND (%(before)s IS NULL OR sequence < %(before)s) AND (%(state)s IS NULL OR state = %(state)s)"
            f" ORDER BY sequence DESC LIMIT {int(limit) + 1}",
            {
                "endpoint_id": endpoint_id,
                "before": decode_cursor(cursor) if cursor is not None else None,
                "state": state.value if state is not None else None,
            },
        )
        more = encode_cursor(rows[limit - 1]["sequence"]) if len(rows) > limit else None
        return DeliveryPage(deliveries=[_shown(row) for row in rows[:limit]], next_cursor=more)

    def one(self, endpoint_id: str, delivery_id: str) -> Delivery:
        return _shown(_found(self._database, endpoint_id, delivery_id))

    def replay(self, endpoint_id: str, replay: Replay) -> Replayed:
        """Another delivery of the same messages; one that waits to be delivered already is left to that.

        At most 1,000 at once. Raises NotFound for an unknown delivery, Conflict where nothing could be sent.
        """

        def work(transaction: Transaction) -> Replayed:
            endpoint = transaction.one(
                "SELECT disabled_at FROM webhook_endpoints WHERE endpoint_id = %s FOR UPDATE", (endpoint_id,)
            )
            if endpoint is None:
                raise NotFound("There is no such webhook endpoint.")
            if endpoint["disabled_at"] is not None:
                raise Conflict("The endpoint is disabled; enable it first.")
            if replay.delivery_id is not None:
                return _replay_one(transaction, endpoint_id, replay.delivery_id)
            return _replay_span(transaction, endpoint_id, replay)

        return self._database.transaction(work)


def _replay_one(transaction: Transaction, endpoint_id: str, delivery_id: str) -> Replayed:
    row = _found(transaction, endpoint_id, delivery_id)
    waits = transaction.one(
        "SELECT 1 AS found FROM webhook_deliveries WHERE state = 'waiting' AND endpoint_id = %s"
        " AND (delivery_id = %s OR replay_of = %s) LIMIT 1",
        (endpoint_id, _root(row), _root(row)),
    )
    if waits is not None:
        raise Conflict("This message waits to be delivered already.")
    _add(transaction, endpoint_id, row)
    return Replayed(replayed=1, more=False, next_since=None)


def _replay_span(transaction: Transaction, endpoint_id: str, replay: Replay) -> Replayed:
    """Messages by when they came to be, oldest first; earlier replays of them are not replayed besides, and what a
    replay has delivered is not dead."""
    assert replay.since is not None
    rows = transaction.all(
        f"SELECT {', '.join(f'd.{column.strip()}' for column in COLUMNS.split(','))}, d.client_id"
        " FROM webhook_deliveries d"
        " WHERE d.endpoint_id = %(endpoint_id)s AND d.replay_of = '' AND d.state <> 'waiting'"
        " AND d.created_at >= %(since)s AND d.created_at < COALESCE(%(until)s, UTC_TIMESTAMP(6))"
        " AND (%(state)s IS NULL OR d.state = %(state)s)"
        " AND NOT EXISTS (SELECT 1 FROM webhook_deliveries w WHERE w.replay_of = d.delivery_id"
        " AND (w.state = 'waiting' OR (%(state)s = 'dead' AND w.state = 'delivered')))"
        f" ORDER BY d.created_at, d.sequence LIMIT {MOST_REPLAYED + 1}",
        {
            "endpoint_id": endpoint_id,
            "since": _naive(replay.since),
            "until": _naive(replay.until) if replay.until else None,
            "state": replay.state,
        },
    )
    for row in rows[:MOST_REPLAYED]:
        _add(transaction, endpoint_id, row)
    more = len(rows) > MOST_REPLAYED
    return Replayed(
        replayed=min(len(rows), MOST_REPLAYED),
        more=more,
        next_since=rows[MOST_REPLAYED]["created_at"].replace(tzinfo=UTC) if more else None,
    )


def _add(transaction: Transaction, endpoint_id: str, row: Row) -> None:
    transaction.execute(
        "INSERT INTO webhook_deliveries (delivery_id, endpoint_id, client_id, inspection_id, batch_id, event,"
        " replay_of, next_at, created_at, updated_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
        (
            new_identifier("msg"),
            endpoint_id,
            row["client_id"],
            row["inspection_id"],
            row["batch_id"],
            row["event"],
            _root(row),
        ),
    )


def _found(queries: Database | Transaction, endpoint_id: str, delivery_id: str) -> Row:
    row = None
    if is_identifier(delivery_id, "msg"):
        row = queries.one(
            f"SELECT {COLUMNS}, client_id FROM webhook_deliveries WHERE endpoint_id = %s AND delivery_id = %s",
            (endpoint_id, delivery_id),
        )
    if row is None:
        raise NotFound("There is no such delivery.")
    return row


def _root(row: Row) -> str:
    """The message's first delivery, whose id all of its deliveries are sent under."""
    return str(row["replay_of"] or row["delivery_id"])


def _shown(row: Row) -> Delivery:
    fields: Mapping[str, Any] = {name: value for name, value in row.items() if name in Delivery.model_fields}
    moments = {name: row[name].replace(tzinfo=UTC) if row[name] else None for name in MOMENTS}
    return Delivery.model_validate(
        {**fields, **moments, "message_id": _root(row), "replay_of": row["replay_of"] or None}
    )


def _naive(moment: datetime) -> datetime:
    """As MySQL's DATETIME has it."""
    return moment.astimezone(UTC).replace(tzinfo=None)
