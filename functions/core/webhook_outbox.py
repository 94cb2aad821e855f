"""What clients are to be told of, written in the transaction in which it happens: one row a message and endpoint.

A row that is committed is sent by `notify` until it is delivered or dead; nothing is sent of what never happened.
"""

import json
from enum import StrEnum

from core.database import Transaction
from core.identifiers import new_identifier
from core.states import State

EVERYTHING = "*"
DISABLED = "The endpoint is disabled."


class Event(StrEnum):
    """The `type` of a message. The end of an inspection is `inspection.` and its state."""

    PASSED = "inspection.passed"
    FAILED = "inspection.failed"
    REVIEW = "inspection.review"
    REJECTED = "inspection.rejected"
    ERROR = "inspection.error"
    CANCELLED = "inspection.cancelled"
    EXPIRED = "inspection.expired"
    BATCH_FINISHED = "batch.finished"
    TEST = "test"


def tell_of_inspection(transaction: Transaction, inspection_id: str, client_id: str, state: State) -> None:
    """To be called once, with the step to the final state."""
    _tell(transaction, client_id, Event(f"inspection.{state.value}"), inspection_id=inspection_id)


def tell_of_batch(transaction: Transaction, batch_id: str, client_id: str) -> None:
    """To be called once, with the step that ends the batch."""
    _tell(transaction, client_id, Event.BATCH_FINISHED, batch_id=batch_id)


def tell_of_test(transaction: Transaction, endpoint_id: str, client_id: str) -> str:
    """A message that somebody asked for, whatever the endpoint's filter; its delivery's id."""
    return _add(transaction, endpoint_id, client_id, Event.TEST)


def _tell(
    transaction: Transaction,
    client_id: str,
    event: Event,
    *,
    inspection_id: str | None = None,
    batch_id: str | None = None,
) -> None:
    endpoints = transaction.all(
        "SELECT endpoint_id, events, disabled_at FROM webhook_endpoints WHERE client_id = %s", (client_id,)
    )
    for endpoint in endpoints:
        if {EVERYTHING, event.value} & set(json.loads(endpoint["events"])):
            _add(
                transaction,
                endpoint["endpoint_id"],
                client_id,
                event,
                inspection_id=inspection_id,
                batch_id=batch_id,
                disabled=endpoint["disabled_at"] is not None,
            )


def _add(
    transaction: Transaction,
    endpoint_id: str,
    client_id: str,
    event: Event,
    *,
    inspection_id: str | None = None,
    batch_id: str | None = None,
    disabled: bool = False,
) -> str:
    """A disabled endpoint's message is dead at once, so that it shows in the log and can be replayed."""
    delivery_id = new_identifier("msg")
    transaction.execute(
        "INSERT INTO webhook_deliveries (delivery_id, endpoint_id, client_id, inspection_id, batch_id, event, state,"
        " next_at, last_error, created_at, updated_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6), %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))",
        (
            delivery_id,
            endpoint_id,
            client_id,
            inspection_id,
            batch_id,
            event.value,
            "dead" if disabled else "waiting",
            DISABLED if disabled else None,
        ),
    )
    return delivery_id
