"""What is noted with every step of an inspection, in the step's own transaction: that it happened, and what follows.

A step that is not committed never happened, so nobody can be told of it; one that is committed can't go unnoted.
"""

from core.database import Transaction
from core.states import FINAL, State
from core.usage import settle_inspection
from core.webhook_outbox import tell_of_inspection


def note_step(
    transaction: Transaction, inspection_id: str, client_id: str, state: State, code: str | None = None
) -> None:
    """To be called once for each state that an inspection reaches, `code` being why it failed where it did."""
    transaction.execute(
        "INSERT INTO inspection_events (inspection_id, client_id, state, code, at)"
        " VALUES (%s, %s, %s, %s, UTC_TIMESTAMP(6))",
        (inspection_id, client_id, state.value, code),
    )
    if state in FINAL:
        settle_inspection(transaction, inspection_id, client_id, state)
        tell_of_inspection(transaction, inspection_id, client_id, state)
