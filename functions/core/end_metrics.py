"""What is counted of an inspection that is final: how it ended, and whether it did so in time.

Counted by whoever sets its archive mark, which exactly one does, so each is counted once however it ended. The line
that carries the numbers names the client too, which no metric does: one a client would cost by the client.
"""

from typing import Any

from core.contract import Inspection
from core.errors import DeadlineExceeded
from core.lanes import Lane
from core.observability import publish
from core.states import State

IN_TIME_S = 60  # the objective (docs/operate.md)
LOST = frozenset({State.ERROR, State.EXPIRED})


def count_end(client_id: str, inspection: Inspection, *, was_held: bool) -> None:
    """To be called once for a final inspection; `was_held`: it waited for the service to open."""
    publish({"Outcome": inspection.state.value}, {"InspectionsFinal": ("Count", 1)}, _fields(client_id, inspection))
    if _is_judged(inspection, was_held):
        total_ms = inspection.timings_ms["total"]
        late = inspection.state in LOST or total_ms > IN_TIME_S * 1000
        publish(
            {"Lane": inspection.lane.value},
            # 0 is counted too: the average is the share of those that were late.
            {"InspectionsLate": ("Count", int(late)), "InspectionTime": ("Milliseconds", total_ms)},
        )


def _is_judged(inspection: Inspection, was_held: bool) -> bool:
    """The objective is about work that somebody waits for, and that its client left to us."""
    own_deadline = inspection.failure is not None and inspection.failure.code == DeadlineExceeded.code
    return (
        inspection.lane is Lane.INTERACTIVE
        and not was_held
        and not own_deadline
        and inspection.state is not State.CANCELLED
    )


def _fields(client_id: str, inspection: Inspection) -> dict[str, Any]:
    return {
        "message": "the inspection is final",
        "inspection_id": inspection.id,
        "client_id": client_id,
        "lane": inspection.lane.value,
        "checklist": inspection.checklist.name,
        "code": inspection.failure.code if inspection.failure else None,
        "reused": inspection.reused_from is not None,
        **{f"{stage}_ms": taken for stage, taken in inspection.timings_ms.items()},
    }
