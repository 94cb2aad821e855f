"""A client's endpoints: made, changed, given another secret, removed.

The secret must be known to sign with, so it is stored as it is, in a database that is encrypted at rest; it leaves here
twice at most: in the answers that make it.
"""

import base64
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from core.audit import Actor, Deed, note_change
from core.database import Database, Row, Transaction
from core.errors import Conflict, NotFound
from core.identifiers import is_identifier, new_identifier
from core.webhook_outbox import DISABLED, tell_of_test
from webhooks.contract import Endpoint, EndpointChange, EndpointList, IssuedEndpoint, NewEndpoint, SecretRotation

PREFIX = "whsec_"
SECRET_BYTES = 32  # the specification asks for 24 to 64
MOST_ENDPOINTS = 10
BY_CLIENT = "The client disabled it."
REMOVED = "The endpoint is removed."
COLUMNS = "endpoint_id, url, events, disabled_at, disabled_why, old_secret_until, created_at, updated_at"


class Endpoints:
    """Over one `Database`; `check` judges an address and raises what stands against it.

    Raises NotFound for what is not the client's, Unavailable where the database is away.
    """

    def __init__(self, database: Database, check: Callable[[str], None]) -> None:
        self._database = database
        self._check = check

    def all(self, client_id: str) -> EndpointList:
        rows = self._database.all(
            f"SELECT {COLUMNS} FROM webhook_endpoints WHERE client_id = %s ORDER BY created_at, endpoint_id",
            (client_id,),
        )
        return EndpointList(endpoints=[_shown(row) for row in rows])

    def one(self, client_id: str, endpoint_id: str) -> Endpoint:
        return _found(self._database, client_id, endpoint_id)

    def create(self, by: Actor, new: NewEndpoint) -> IssuedEndpoint:
        """Raises Conflict where the client has as many as it may, and what `check` raises."""
        self._check(new.url)
        client_id = by.principal.client_id
        endpoint_id, secret = new_identifier("hook"), _new_secret()

        def work(transaction: Transaction) -> Endpoint:
            # One at a time for a client, or two requests at once would both find room for one more.
            transaction.one("SELECT client_id FROM clients WHERE client_id = %s FOR UPDATE", (client_id,))
            has = transaction.all("SELECT endpoint_id FROM webhook_endpoints WHERE client_id = %s", (client_id,))
            if len(has) >= MOST_ENDPOINTS:
                raise Conflict(f"A client may have {MOST_ENDPOINTS} endpoints.")
            transaction.execute(
                "INSERT INTO webhook_endpoints (endpoint_id, client_id, url, events, secret, created_at, updated_at)"
                " VALUES (%s, %s, %s, %s, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
                (endpoint_id, client_id, new.url, json.dumps(sorted(set(new.events))), secret),
            )
            made = _found(transaction, client_id, endpoint_id)
            _note(transaction, by, Deed.CREATE_WEBHOOK, endpoint_id, None, made)
            return made

        return IssuedEndpoint(secret=secret, **self._database.transaction(work).model_dump())

    def update(self, by: Actor, endpoint_id: str, change: EndpointChange) -> Endpoint:
        """Disabling ends what waits as dead; enabling again brings none of it back, a replay does."""
        named, client_id = change.model_fields_set, by.principal.client_id
        _found(self._database, client_id, endpoint_id)
        if "url" in named:
            self._check(change.url)

        def work(transaction: Transaction) -> Endpoint:
            before = _found(transaction, client_id, endpoint_id)
            if "url" in named:
                _set(transaction, endpoint_id, "url = %s", change.url)
            if "events" in named:
                _set(transaction, endpoint_id, "events = %s", json.dumps(sorted(set(change.events))))
            if "disabled" in named and not change.disabled:
                _set(transaction, endpoint_id, "disabled_why = NULL, disabled_at = %s", None)
            if "disabled" in named and change.disabled:
                _set(
                    transaction,
                    endpoint_id,
                    "disabled_why = COALESCE(disabled_why, %s), disabled_at = COALESCE(disabled_at, UTC_TIMESTAMP(6))",
                    BY_CLIENT,
                )
                _bury(transaction, endpoint_id, DISABLED)
            after = _found(transaction, client_id, endpoint_id)
            _note(transaction, by, Deed.UPDATE_WEBHOOK, endpoint_id, before, after)
            return after

        return self._database.transaction(work)

    def remove(self, by: Actor, endpoint_id: str) -> None:
        def work(transaction: Transaction) -> None:
            before = _found(transaction, by.principal.client_id, endpoint_id)
            transaction.execute("DELETE FROM webhook_endpoints WHERE endpoint_id = %s", (endpoint_id,))
            _bury(transaction, endpoint_id, REMOVED)
            _note(transaction, by, Deed.DELETE_WEBHOOK, endpoint_id, before, None)

        self._database.transaction(work)

    def rotate(self, by: Actor, endpoint_id: str, rotation: SecretRotation) -> IssuedEndpoint:
        """The present secret signs beside the new one for the overlap; one from an earlier rotation ends now."""
        secret, client_id = _new_secret(), by.principal.client_id

        def work(transaction: Transaction) -> Endpoint:
            before = _found(transaction, client_id, endpoint_id)
            transaction.execute(
                "UPDATE webhook_endpoints SET old_secret = secret,"
                " old_secret_until = UTC_TIMESTAMP(6) + INTERVAL %s SECOND, updated_at = UTC_TIMESTAMP(6)"
                " WHERE endpoint_id = %s",
                (rotation.overlap_s, endpoint_id),
            )
            _set(transaction, endpoint_id, "secret = %s", secret)
            after = _found(transaction, client_id, endpoint_id)
            _note(transaction, by, Deed.ROTATE_WEBHOOK, endpoint_id, before, after)
            return after

        return IssuedEndpoint(secret=secret, **self._database.transaction(work).model_dump())

    def test(self, client_id: str, endpoint_id: str) -> str:
        """A test message's delivery. Raises Conflict for a disabled endpoint."""

        def work(transaction: Transaction) -> str:
            if _found(transaction, client_id, endpoint_id).disabled_at is not None:
                raise Conflict(DISABLED)
            return tell_of_test(transaction, endpoint_id, client_id)

        return self._database.transaction(work)


def _note(
    transaction: Transaction, by: Actor, deed: Deed, endpoint_id: str, before: Endpoint | None, after: Endpoint | None
) -> None:
    client_id = by.principal.client_id
    note_change(transaction, by, deed, endpoint_id, client_id=client_id, before=before, after=after)


def _new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _found(queries: Database | Transaction, client_id: str, endpoint_id: str) -> Endpoint:
    row = None
    if is_identifier(endpoint_id, "hook"):
        row = queries.one(
            f"SELECT {COLUMNS} FROM webhook_endpoints WHERE client_id = %s AND endpoint_id = %s",
            (client_id, endpoint_id),
        )
    if row is None:
        raise NotFound("There is no such webhook endpoint.")
    return _shown(row)


def _shown(row: Row) -> Endpoint:
    moments = {name: _utc(row[name]) for name in ("disabled_at", "old_secret_until", "created_at", "updated_at")}
    return Endpoint.model_validate({**row, **moments, "events": json.loads(row["events"])})


def _utc(moment: datetime | None) -> datetime | None:
    """MySQL's DATETIME has no zone; ours are all UTC."""
    return moment.replace(tzinfo=UTC) if moment else None


def _set(transaction: Transaction, endpoint_id: str, change: str, value: str | None) -> None:
    transaction.execute(
        f"UPDATE webhook_endpoints SET {change}, updated_at = UTC_TIMESTAMP(6) WHERE endpoint_id = %s",
        (value, endpoint_id),
    )


def _bury(transaction: Transaction, endpoint_id: str, why: str) -> None:
    """What a worker holds at this moment may still arrive; otherwise it finds the same when it is due again."""
    transaction.execute(
        "UPDATE webhook_deliveries SET state = 'dead', next_at = NULL, last_error = %s, updated_at = UTC_TIMESTAMP(6)"
        " WHERE endpoint_id = %s AND state = 'waiting' AND lease_owner IS NULL",
        (why, endpoint_id),
    )
