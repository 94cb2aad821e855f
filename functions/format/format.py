"""The stage: read what the endpoint answered, judge it by the checklist's version, store the verdict."""

from core import checklists
from core.capture import captured_answer
from core.model_answer import checked
from core.storage import ObjectStore, capture_key
from core.work_records import Claimed
from core.worker import Judged, Outcome
from format.verdict import judge, with_seen_before


class Format:
    """From raw probabilities to the columns of the results table."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def __call__(self, claimed: Claimed) -> Outcome:
        """Raises InvalidAnswer, MissingObject, Unavailable."""
        checklist = checklists.load(claimed.checklist, claimed.checklist_version)
        answered, served_by = captured_answer(self._store.get(capture_key(claimed.inspection_id)))
        answer = checked(answered, checklist.questions)
        judgement = judge(checklist, {each.id: each.probabilities for each in answer.answers})
        judgement = with_seen_before(judgement, claimed.seen_before)
        return Judged(
            {
                "outcome": judgement.outcome.value,
                "answers": [each.model_dump() for each in judgement.answers],
                "reasons": list(judgement.reasons),
                "model": answer.model.model_dump(),
                "served_by": served_by,
                "usage_counts": answer.usage,
                "timings_ms": answer.timings_ms,
            }
        )
