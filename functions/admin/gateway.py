"""API Gateway's keys and usage plans after a change here: mended at once, or else by the schedule."""

from collections.abc import Sequence

from admin.changes import Caller, Change, Changes
from admin.contract import DryRun
from admin.report_contract import GatewayDifference, GatewayMended, GatewayState
from core.audit import Deed
from core.errors import Unavailable
from core.gateway_drift import Difference
from core.gateway_records import GatewayRecords, Scope
from core.observability import logger, metrics

IN_STEP, PENDING = "in-step", "pending"


def keep_in_step(records: GatewayRecords, scope: Scope) -> str:
    """After a commit: what was changed stays changed, whether or not API Gateway can be told of it now."""
    try:
        left = len(records.mend(scope).left)
    except Unavailable:
        left = 1
    if left:
        logger.warning("API Gateway's records are behind; the schedule mends them", left=left)
        metrics.add_metric("GatewayRecordsPending", "Count", 1)
    return PENDING if left else IN_STEP


def state(records: GatewayRecords) -> GatewayState:
    """Raises Unavailable."""
    found = records.differences()
    return GatewayState(in_step=not found, differences=_shown(found))


def reconcile(records: GatewayRecords, changes: Changes, caller: Caller) -> GatewayMended | DryRun:
    """Mend, then say so in the audit log. A dry run only looks. Raises Unavailable."""
    if caller.dry_run:
        before = state(records)
        return DryRun(
            before=before.model_dump(mode="json"), after=GatewayState(in_step=True, differences=[]).model_dump()
        )
    mended = records.mend()
    answer = GatewayMended(mended=_shown(mended.done), left=_shown(mended.left))
    return changes.make(caller, lambda _: Change(Deed.MEND_GATEWAY, "gateway", None, None, answer, answer))


def _shown(found: Sequence[Difference]) -> list[GatewayDifference]:
    return [GatewayDifference(record=each.record, problem=each.problem) for each in found]
