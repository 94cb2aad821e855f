"""The stage: ask the endpoint about the prepared photos, keep the raw answer, and only then step on.

The answer is in the bucket before the row says `inferred`. An attempt that follows a crash finds it there and does not
ask the GPU again.
"""

import base64
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from core import checklists
from core.capture import capture, captured_answer
from core.checklists import Checklist
from core.endpoint import Endpoint
from core.errors import Unavailable
from core.model_answer import InvalidAnswer, checked
from core.observability import logger, metrics
from core.states import State
from core.storage import ObjectStore, capture_key, prepared_key
from core.work_records import Claimed
from core.worker import Advanced, Outcome

TRANSFERS_AT_ONCE = 6


class Invoke:
    """One call of the endpoint an inspection, however often the message comes."""

    def __init__(self, store: ObjectStore, endpoint: Endpoint) -> None:
        self._store = store
        self._endpoint = endpoint
        self._transfers = ThreadPoolExecutor(TRANSFERS_AT_ONCE, thread_name_prefix="transfer")

    def __call__(self, claimed: Claimed) -> Outcome:
        """Raises EndpointUnavailable, EndpointRefused, InvalidAnswer, Unavailable, DeadlineExceeded."""
        start = time.monotonic()
        checklist = checklists.load(claimed.checklist, claimed.checklist_version)
        earlier = self._earlier(claimed)
        if earlier is not None and _usable(earlier, checklist):
            logger.info("the endpoint's answer is there already")
            return Advanced(State.INFERRED)
        photos = list(
            self._transfers.map(
                lambda photo: self._store.get(prepared_key(claimed.inspection_id, photo["index"])), claimed.photos
            )
        )
        answered = self._endpoint.invoke(
            _request(claimed, checklist, photos), claimed.inspection_id, _left_s(claimed, start)
        )
        checked(answered.data, checklist.questions)
        metrics.add_metric("EndpointCalls", "Count", 1)
        kept = capture(
            claimed.inspection_id,
            asked=_described(claimed, checklist),
            answered=answered.data,
            served_by=answered.served_by,
        )
        # A worker that was frozen here while another one finished must not replace what that one judged.
        put = self._store.put_once if earlier is None else self._store.put
        try:
            put(capture_key(claimed.inspection_id), kept, "application/json")
        except Unavailable as error:
            # The endpoint has worked for it, so this was an attempt; a later one looks first what was kept after all.
            raise Unavailable(error.detail, attempted=True) from error
        return Advanced(State.INFERRED)

    def _earlier(self, claimed: Claimed) -> bytes | None:
        """What an earlier attempt kept; a first attempt need not look."""
        return self._store.find(capture_key(claimed.inspection_id)) if claimed.attempt > 1 else None


def _left_s(claimed: Claimed, start: float) -> float | None:
    """Until the caller's deadline, by now."""
    return None if claimed.left_s is None else max(0.001, claimed.left_s - (time.monotonic() - start))


def _usable(kept: bytes, checklist: Checklist) -> bool:
    try:
        checked(captured_answer(kept)[0], checklist.questions)
    except InvalidAnswer:
        return False
    return True


def _request(claimed: Claimed, checklist: Checklist, photos: Sequence[bytes]) -> bytes:
    body = _asked(claimed, checklist) | {
        "photos": [
            {"id": str(photo["index"]), "data": base64.b64encode(data).decode()}
            for photo, data in zip(claimed.photos, photos, strict=True)
        ]
    }
    return json.dumps(body).encode()


def _described(claimed: Claimed, checklist: Checklist) -> dict[str, Any]:
    """The request as the capture keeps it: each photo by its key and the hash of what the client sent."""
    return _asked(claimed, checklist) | {
        "photos": [
            {
                "id": str(photo["index"]),
                "key": prepared_key(claimed.inspection_id, photo["index"]),
                "sha256": photo["sha256"],
            }
            for photo in claimed.photos
        ]
    }


def _asked(claimed: Claimed, checklist: Checklist) -> dict[str, Any]:
    return {
        "task": "inspect",
        "item": claimed.item,
        "questions": [
            {"id": question.id, "text": question.text, "answers": list(question.answers)}
            for question in checklist.questions
        ],
        "tiles": {"first": checklist.tiles.first, "closer": list(checklist.tiles.closer)},
        "explain": False,
    }
