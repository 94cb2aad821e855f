"""From a row to the inspection that its client sees."""

import json
from datetime import UTC, datetime, timedelta

from core.contract import ChecklistName, Failure, Inspection, Item, ModelName, Photo, Verdict
from core.database import Row
from core.inspection_records import NewRequest
from core.lanes import Lane
from core.states import FINAL, State

STAGES = ("precheck", "invoke", "format")


def present(row: Row) -> Inspection:
    """`row` is one of InspectionRecords.find or .page."""
    state = State(row["state"])
    return Inspection(
        id=row["inspection_id"],
        state=state,
        final=state in FINAL,
        lane=Lane(row["lane"]),
        checklist=ChecklistName(name=row["checklist"], version=row["checklist_version"]),
        item=Item.model_validate_json(row["item"]),
        reference=row["reference"],
        photos=[Photo.model_validate(photo) for photo in json.loads(row["photos"])],
        verdict=_verdict(row),
        failure=Failure(code=row["failure_code"], detail=row["failure_detail"]) if row["failure_code"] else None,
        accepted_at=_utc(row["accepted_at"]),
        expires_at=_utc(row["expires_at"]) if row["expires_at"] else None,
        held_until=_utc(row["held_until"]) if row["held_until"] and state not in FINAL else None,
        finished_at=_utc(row["finished_at"]) if row["finished_at"] else None,
        reused_from=row["reused_from"],
        photos_deleted_at=_utc(row["photos_deleted_at"]) if row["photos_deleted_at"] else None,
        timings_ms=_timings(row),
    )


def present_accepted(request: NewRequest) -> Inspection:
    """What was stored a moment ago, without asking the database again; its clock is this machine's for once."""
    now = datetime.now(UTC)
    return Inspection(
        id=request.inspection_id,
        state=State.ACCEPTED,
        final=False,
        lane=request.lane,
        checklist=ChecklistName(name=request.checklist, version=request.checklist_version),
        item=Item.model_validate(request.item),
        reference=request.reference,
        photos=[Photo.model_validate(photo) for photo in request.photos],
        verdict=None,
        failure=None,
        accepted_at=now,
        expires_at=now + timedelta(seconds=request.expires_in_s),
        held_until=request.held_until,
        finished_at=None,
        timings_ms={},
    )


def _verdict(row: Row) -> Verdict | None:
    if row["outcome"] is None:
        return None
    return Verdict(
        outcome=row["outcome"],
        reasons=json.loads(row["reasons"]),
        answers=json.loads(row["answers"]),
        model=ModelName.model_validate_json(row["model"]),
        served_by=row["served_by"],
        usage=json.loads(row["usage_counts"]),
    )


def _timings(row: Row) -> dict[str, float]:
    """Each stage from the end of the one before, queueing included; then the endpoint's own split, if it gave one.

    An inspection that ended early ended in the stage after the last one that was passed. One that took an earlier
    verdict passed none.
    """
    marks = [
        float(row[column]) for column in ("prechecked_ms", "inferred_ms", "finished_ms") if row[column] is not None
    ]
    starts = [0.0, *marks]
    stages = () if row["reused_from"] else STAGES
    timings = {stage: round(end - start, 1) for stage, start, end in zip(stages, starts, marks, strict=False)}
    if row["finished_ms"] is not None:
        timings["total"] = round(float(row["finished_ms"]), 1)
    if row["timings_ms"]:
        timings |= {f"endpoint_{name}": value for name, value in json.loads(row["timings_ms"]).items()}
    return timings


def _utc(moment: datetime) -> datetime:
    """MySQL's DATETIME has no zone; ours are all UTC."""
    return moment.replace(tzinfo=UTC)
