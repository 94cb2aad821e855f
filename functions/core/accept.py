"""Accepting an inspection: check all of it, store the photos, commit one row, tell the first stage.

The order is the promise. Photos are in the bucket before the row is committed, and the client hears of the inspection
only after; what a crash leaves behind is at worst a photo that nobody refers to, which the bucket's lifecycle removes.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from core import checklists
from core.batches import BatchLine
from core.checklists import Checklist
from core.contract import InspectionInput
from core.database import DuplicateKey
from core.decoded_photo import DecodedPhoto
from core.errors import IdempotencyConflict, OutsideHours, PhotoCount, Unavailable
from core.handover import Handover
from core.identifiers import new_identifier
from core.inspection_records import InspectionRecords, NewRequest
from core.observability import logger, metrics
from core.photo_sources import GatherPhotos, inline_only
from core.reuse import content_hash
from core.service import Service, Standing
from core.states import State
from core.storage import ObjectStore, photo_key
from core.usage import INSPECT, Allowance

UPLOADS_AT_ONCE = 6


@dataclass(frozen=True)
class Acceptance:
    """The inspection that the request led to; `stored` is what it stored, None where an earlier request was first.
    `reused_from` names the inspection with whose verdict it ended at once; `held_s` are the seconds until the service
    opens, None for one that is on its way.
    """

    inspection_id: str
    stored: NewRequest | None
    reused_from: str | None = None
    held_s: int | None = None


class Accept:
    """Turns a valid request into an accepted inspection."""

    def __init__(
        self,
        records: InspectionRecords,
        store: ObjectStore,
        handover: Handover,
        service: Service,
        gather: GatherPhotos = inline_only,
        on_final: Callable[[str], None] = lambda inspection_id: None,
    ) -> None:
        """`on_final` is called after the commit of an inspection that ended at once; nothing may depend on it."""
        self._gather = gather
        self._on_final = on_final
        self._records = records
        self._store = store
        self._handover = handover
        self._service = service
        self._uploads = ThreadPoolExecutor(UPLOADS_AT_ONCE, thread_name_prefix="upload")

    def __call__(
        self,
        request: InspectionInput,
        client_id: str,
        allowance: Allowance,
        idempotency_key: str | None,
        *,
        deadline_ms: int | None = None,
        batch_line: BatchLine | None = None,
    ) -> Acceptance:
        """Raises InvalidRequest and its kin, IdempotencyConflict, Unavailable, and what the client's limits refuse
        (QuotaExceeded, TooManyRunning, NotOnPlan, Forbidden), or OutsideHours; with `batch_line` also LostBatch. In
        every case nothing was accepted.
        """
        checklist = checklists.latest(request.checklist)
        _check_count(checklist, len(request.photos))
        known = None if idempotency_key is None else self._records.by_idempotency_key(client_id, idempotency_key)
        standing = self._service.standing()
        if known is None:
            _check_deadline(deadline_ms, request.expires_in_s, standing)
            _check_allowance(allowance, len(request.photos), held=not standing.open)
        photos = self._gather(request.photos, client_id)
        fingerprint = _fingerprint(request, photos)
        if known is not None:
            return self._earlier(known, fingerprint)
        inspection_id = new_identifier("insp")
        item = request.item.model_dump(exclude_none=True)
        described = [photo.described() for photo in photos]
        stored = NewRequest(
            inspection_id=inspection_id,
            client_id=client_id,
            idempotency_key=idempotency_key,
            request_hash=fingerprint,
            checklist=checklist.name,
            checklist_version=checklist.version,
            item=item,
            reference=request.reference,
            photos=described,
            lane=request.lane,
            deadline_ms=deadline_ms,
            batch_line=batch_line,
            expires_in_s=request.expires_in_s,
            content_hash=content_hash(checklist.name, checklist.version, item, described),
            held_until=None if standing.open else standing.opens_at,
        )
        self._store_photos(inspection_id, photos)
        try:
            reused_from = self._records.add(stored)
        except DuplicateKey as error:
            # The same key at the same moment: the other request was first.
            if idempotency_key and (known := self._records.by_idempotency_key(client_id, idempotency_key)):
                return self._earlier(known, fingerprint)
            raise Unavailable("The request can't be stored at the moment.", retry_after_s=1) from error
        metrics.add_metric("InspectionsAccepted", "Count", 1)
        if reused_from is not None:
            metrics.add_metric("InspectionsReused", "Count", 1)
            self._on_final(inspection_id)
        elif not standing.open:
            metrics.add_metric("InspectionsHeld", "Count", 1)
            return Acceptance(inspection_id, stored, held_s=standing.opens_in_s)
        else:
            self._tell(stored)
        return Acceptance(inspection_id, stored, reused_from)

    def _earlier(self, known: tuple[str, bytes], fingerprint: bytes) -> Acceptance:
        inspection_id, its_fingerprint = known
        if its_fingerprint != fingerprint:
            raise IdempotencyConflict("This Idempotency-Key came with another request before.", field="Idempotency-Key")
        held_s = None if self._service.hours.always_open else self._records.held_s(inspection_id)
        return Acceptance(inspection_id, stored=None, held_s=held_s)

    def _store_photos(self, inspection_id: str, photos: Sequence[DecodedPhoto]) -> None:
        """All or an error; a photo that was stored before another one failed is an orphan and ages out."""
        uploads = [
            self._uploads.submit(self._store.put, photo_key(inspection_id, photo.index), photo.data, photo.media_type)
            for photo in photos
        ]
        for upload in uploads:
            upload.result()

    def _tell(self, stored: NewRequest) -> None:
        """The row is committed, so the inspection is accepted even if the queue is away: the sweeper sends it later."""
        try:
            self._handover.tell(stored.inspection_id, State.ACCEPTED, client_id=stored.client_id, lane=stored.lane)
        except Unavailable:
            logger.warning("accepted but not queued; the sweeper will send it", inspection_id=stored.inspection_id)


def _check_count(checklist: Checklist, count: int) -> None:
    rules = checklist.photos
    if not rules.min_count <= count <= rules.max_count:
        raise PhotoCount(
            f"Checklist {checklist.name} takes {rules.min_count} to {rules.max_count} photos; there are {count}.",
            field="photos",
        )


def _check_deadline(deadline_ms: int | None, expires_in_s: int, standing: Standing) -> None:
    """What can only end before the service opens is not begun."""
    left_s = expires_in_s if deadline_ms is None else min(expires_in_s, deadline_ms / 1000)
    if not standing.open and left_s <= standing.opens_in_s:
        raise OutsideHours(
            f"The service opens at {standing.opens_at:%Y-%m-%dT%H:%M:%SZ}, after the deadline or the time to live.",
            retry_after_s=standing.opens_in_s,
        )


def _check_allowance(allowance: Allowance, photos: int, *, held: bool) -> None:
    """Before anything is fetched; an earlier request's answer needs no allowance. The transaction has the last word."""
    if photos > allowance.max_photos:
        raise PhotoCount(f"The plan {allowance.plan} takes at most {allowance.max_photos} photos.", field="photos")
    allowance.check(INSPECT, places=0 if held else 1)


def _fingerprint(request: InspectionInput, photos: Sequence[DecodedPhoto]) -> bytes:
    """SHA-256 over what was asked, photos by their hash: two requests are the same if theirs are."""
    asked: dict[str, Any] = request.model_dump(mode="json", exclude={"photos"})
    asked["photos"] = [photo.described() for photo in photos]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()
