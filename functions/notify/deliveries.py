"""The deliveries as their sender uses them: found by endpoint, taken for one attempt, settled.

A row is taken by a conditional UPDATE that moves its `next_at` to the end of the lease: no two workers make the same
attempt, and a row whose worker died is due again by itself. Settling is fenced by the owner's name.
"""

from dataclasses import dataclass

from core.database import Database, Row, Transaction
from core.inspection_records import InspectionRecords
from core.webhook_outbox import DISABLED, Event
from notify.message import Message, batch_data, body_of, inspection_data
from notify.retries import MOST_ATTEMPTS, delay_s

GONE = "The endpoint answered 410 Gone, which disabled it."
CUT_OFF = "Every attempt was cut off."
REMOVED = "The endpoint is removed."
KEPT_DAYS, FORGOTTEN_AT_ONCE = 30, 2000
NOTHING_TO_TELL = "What it was about is gone."


@dataclass(frozen=True)
class Due:
    """An endpoint that something is due for. `row` has its url and secrets; None: it was removed."""

    endpoint_id: str
    client_id: str
    row: Row | None


@dataclass(frozen=True)
class Claimed:
    """A delivery that this worker may attempt once; `attempt` counts from 1."""

    delivery_id: str
    endpoint_id: str
    client_id: str
    owner: str
    attempt: int
    message: Message


class Deliveries:
    """Over one `Database`. All raise Unavailable when it is away."""

    def __init__(self, database: Database, lease_s: int) -> None:
        self._database = database
        self._records = InspectionRecords(database)
        self._lease_s = lease_s

    def due(self) -> list[Due]:
        """Who waited longest comes first. One look into the index for each endpoint, however much waits for it."""
        rows = self._database.all(
            "SELECT w.endpoint_id, e.client_id, e.url, e.secret, e.disabled_at, UTC_TIMESTAMP(6) AS now,"
            " CASE WHEN e.old_secret_until > UTC_TIMESTAMP(6) THEN e.old_secret END AS old_secret"
            " FROM (SELECT endpoint_id, MIN(next_at) AS first_at FROM webhook_deliveries WHERE state = 'waiting'"
            " GROUP BY endpoint_id) w LEFT JOIN webhook_endpoints e ON e.endpoint_id = w.endpoint_id"
            " WHERE w.first_at <= UTC_TIMESTAMP(6) ORDER BY w.first_at"
        )
        return [
            Due(row["endpoint_id"], row["client_id"] or "", row if row["url"] is not None else None) for row in rows
        ]

    def overdue_s(self) -> int:
        """For how long what is due first has been due, 0 where nothing is."""
        row = self._database.one(
            "SELECT COALESCE(GREATEST(0, TIMESTAMPDIFF(SECOND, MIN(w.first_at), UTC_TIMESTAMP(6))), 0) AS overdue_s"
            " FROM (SELECT MIN(next_at) AS first_at FROM webhook_deliveries WHERE state = 'waiting'"
            " GROUP BY endpoint_id) w"
        )
        assert row is not None
        return int(row["overdue_s"])

    def claim(self, due: Due, owner: str, most: int) -> list[Claimed]:
        """Up to `most` deliveries of one endpoint. What can't be sent any more is dead, and not among them."""
        rows = self._database.all(
            "SELECT delivery_id FROM webhook_deliveries WHERE state = 'waiting' AND endpoint_id = %s"
            f" AND next_at <= UTC_TIMESTAMP(6) ORDER BY next_at LIMIT {int(most)}",
            (due.endpoint_id,),
        )
        claimed = [self._claim(due, row["delivery_id"], owner) for row in rows]
        return [each for each in claimed if each is not None]

    def delivered(self, claimed: Claimed, status: int) -> bool:
        """False where the delivery is no longer this worker's."""
        return self._settle(claimed, "state = 'delivered', next_at = NULL, last_error = NULL", (), status)

    def failed(self, claimed: Claimed, status: int | None, error: str) -> bool:
        """It is due again by the table, or dead after the last attempt; True where it is dead."""
        wait_s = delay_s(claimed.attempt)
        if wait_s is None:
            return self._settle(claimed, "state = 'dead', next_at = NULL, last_error = %s", (error,), status)
        change = "next_at = UTC_TIMESTAMP(6) + INTERVAL %s MICROSECOND, last_error = %s"
        self._settle(claimed, change, (round(wait_s * 1e6), error), status)
        return False

    def gone(self, claimed: Claimed, status: int) -> None:
        """The receiver wants nothing more: the endpoint is disabled, and all that waits for it is dead.

        What another worker holds at the moment finds out when it is due again. An endpoint that has another address by
        now is left alone.
        """

        def work(transaction: Transaction) -> None:
            disabled = transaction.execute(
                "UPDATE webhook_endpoints SET disabled_at = UTC_TIMESTAMP(6), disabled_why = %s,"
                " updated_at = UTC_TIMESTAMP(6) WHERE endpoint_id = %s AND url = %s AND disabled_at IS NULL",
                (GONE, claimed.endpoint_id, claimed.message.url),
            )
            transaction.execute(
                f"UPDATE webhook_deliveries SET state = 'dead', next_at = NULL, last_error = %s, last_status = %s,"
                f" {_RELEASED} WHERE delivery_id = %s AND lease_owner = %s AND state = 'waiting'",
                (GONE, status, claimed.delivery_id, claimed.owner),
            )
            if disabled:
                transaction.execute(
                    f"UPDATE webhook_deliveries SET state = 'dead', next_at = NULL, last_error = %s, {_RELEASED}"
                    " WHERE endpoint_id = %s AND state = 'waiting' AND lease_owner IS NULL",
                    (DISABLED, claimed.endpoint_id),
                )

        self._database.transaction(work)

    def forget(self) -> int:
        """Remove some of what ended long ago from the log; how many."""
        return self._database.execute(
            "DELETE FROM webhook_deliveries WHERE created_at < UTC_TIMESTAMP(6) - INTERVAL %s DAY"
            f" AND state <> 'waiting' LIMIT {FORGOTTEN_AT_ONCE}",
            (KEPT_DAYS,),
        )

    def _claim(self, due: Due, delivery_id: str, owner: str) -> Claimed | None:
        taken = self._database.execute(
            "UPDATE webhook_deliveries SET lease_owner = %s, attempts = attempts + 1,"
            " next_at = UTC_TIMESTAMP(6) + INTERVAL %s SECOND, updated_at = UTC_TIMESTAMP(6)"
            " WHERE delivery_id = %s AND state = 'waiting' AND next_at <= UTC_TIMESTAMP(6)",
            (owner, self._lease_s, delivery_id),
        )
        if not taken:
            return None
        row = self._database.one(
            "SELECT delivery_id, endpoint_id, client_id, inspection_id, batch_id, event, replay_of, attempts,"
            " created_at, UTC_TIMESTAMP(6) AS now FROM webhook_deliveries WHERE delivery_id = %s",
            (delivery_id,),
        )
        assert row is not None
        unsent, body = self._unsent(due, row), None
        if unsent is None:
            body = self._body(row)
            unsent = NOTHING_TO_TELL if body is None else None
        if unsent is not None or body is None or due.row is None:
            self._bury(delivery_id, owner, unsent or REMOVED)
            return None
        message = Message(
            message_id=row["replay_of"] or delivery_id,
            url=due.row["url"],
            body=body,
            moment=row["now"],
            secrets=[secret for secret in (due.row["secret"], due.row["old_secret"]) if secret is not None],
        )
        return Claimed(delivery_id, row["endpoint_id"], row["client_id"], owner, row["attempts"], message)

    def _unsent(self, due: Due, row: Row) -> str | None:
        if due.row is None:
            return REMOVED
        if due.row["disabled_at"] is not None:
            return DISABLED
        return CUT_OFF if row["attempts"] > MOST_ATTEMPTS else None

    def _body(self, row: Row) -> str | None:
        """None where there is nothing to tell of any more."""
        event, happened_at = row["event"], row["created_at"]
        if event == Event.TEST:
            return body_of(event, happened_at, {"endpoint_id": row["endpoint_id"]})
        if row["batch_id"] is not None:
            batch = self._database.one(
                "SELECT batch_id, name, state, line_count, created_at, finished_at FROM batches"
                " WHERE client_id = %s AND batch_id = %s",
                (row["client_id"], row["batch_id"]),
            )
            return body_of(event, batch["finished_at"] or happened_at, batch_data(batch)) if batch else None
        inspection = self._records.find(row["client_id"], row["inspection_id"])
        return (
            body_of(event, inspection["finished_at"] or happened_at, inspection_data(inspection))
            if inspection
            else None
        )

    def _bury(self, delivery_id: str, owner: str, why: str) -> None:
        """Without an attempt: the one that the claim counted is taken back."""
        self._database.execute(
            f"UPDATE webhook_deliveries SET state = 'dead', next_at = NULL, attempts = attempts - 1, last_error = %s,"
            f" {_RELEASED} WHERE delivery_id = %s AND lease_owner = %s AND state = 'waiting'",
            (why, delivery_id, owner),
        )

    def _settle(self, claimed: Claimed, change: str, values: tuple[object, ...], status: int | None) -> bool:
        return bool(
            self._database.execute(
                f"UPDATE webhook_deliveries SET {change}, last_status = %s, {_RELEASED}"
                " WHERE delivery_id = %s AND lease_owner = %s AND state = 'waiting'",
                (*values, status, claimed.delivery_id, claimed.owner),
            )
        )


_RELEASED = "lease_owner = NULL, updated_at = UTC_TIMESTAMP(6)"
