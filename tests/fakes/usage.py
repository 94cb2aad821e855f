"""What a client may use, without a database behind it."""

from dataclasses import replace
from typing import Any

from core.usage import Allowance, Limit, UsageRecords

GENEROUS = Allowance(
    plan="standard",
    tasks=frozenset({"inspect", "embed", "describe"}),
    max_photos=20,
    default_wait_s=20,
    max_wait_s=25,
    rate_per_s=10,
    burst=20,
    limits=(Limit("running", most=200, used=0, window_s=None, resets_in_s=None),),
)


def allowance(**changes: Any) -> Allowance:
    """GENEROUS, but for what is changed."""
    return replace(GENEROUS, **changes)


class FixedUsage(UsageRecords):
    """Every client has `allowance`; `charged` and `refunded` note what was asked."""

    def __init__(self, allowance: Allowance = GENEROUS) -> None:
        self.fixed = allowance
        self.charged: list[tuple[str, str, int]] = []
        self.refunded: list[tuple[str, str, int]] = []

    def allowance(self, client_id: str) -> Allowance:
        return self.fixed

    def charge(self, client_id: str, task: str, units: int) -> None:
        self.fixed.check(task, units=units, places=0)
        self.charged.append((client_id, task, units))

    def refund(self, client_id: str, task: str, units: int) -> None:
        self.refunded.append((client_id, task, units))
