"""The stage: get the photos, judge them, prepare them for the model - or reject with a hint before any GPU is asked."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from core import checklists
from core.checklists import PhotoRules
from core.contract import PhotoQuality
from core.errors import PhotosUnusable
from core.observability import metrics
from core.photo_pixels import DamagedPhoto, prepare
from core.states import State
from core.storage import ObjectStore, photo_key, prepared_key
from core.work_records import Claimed
from core.worker import Advanced, Ended, Outcome
from precheck.photo import analyse
from precheck.quality import damaged, judge

TRANSFERS_AT_ONCE = 6


class Compares(Protocol):
    def window_s(self, client_id: str) -> int | None:
        """For how long the client's photos are remembered; None: they are not compared."""

    def note_and_find(self, claimed: Claimed, thumbnails: Sequence[bytes], window_s: int) -> list[dict[str, Any]]:
        """The photos that were seen before, and where."""


class Precheck:
    """Every photo must be usable: the courier still stands beside the parcel and can take one again."""

    def __init__(self, store: ObjectStore, seen_photos: Compares) -> None:
        self._store = store
        self._seen_photos = seen_photos
        self._transfers = ThreadPoolExecutor(TRANSFERS_AT_ONCE, thread_name_prefix="transfer")

    def __call__(self, claimed: Claimed) -> Outcome:
        """Rejected with what is wrong with which photo, or prechecked with every photo prepared. Raises Unavailable."""
        rules = checklists.load(claimed.checklist, claimed.checklist_version).photos
        # Judging the first photo begins while the others still come.
        arriving = self._transfers.map(
            lambda photo: self._store.get(photo_key(claimed.inspection_id, photo["index"])), claimed.photos
        )
        described, photos, thumbnails, rejected = _judge_all(claimed.photos, arriving, rules)
        if rejected:
            metrics.add_metric("PhotosRejected", "Count", len(rejected))
            return Ended(State.REJECTED, PhotosUnusable.code, " ".join(rejected), described)
        self._prepare_all(claimed.inspection_id, described, photos, rules)
        return Advanced(State.PRECHECKED, described, self._seen_before(claimed, thumbnails))

    def _seen_before(self, claimed: Claimed, thumbnails: Sequence[bytes]) -> list[dict[str, Any]] | None:
        window_s = self._seen_photos.window_s(claimed.client_id)
        if window_s is None:
            return None
        seen = self._seen_photos.note_and_find(claimed, thumbnails, window_s)
        if seen:
            metrics.add_metric("PhotosSeenBefore", "Count", len(seen))
        return seen or None

    def _prepare_all(
        self, inspection_id: str, described: list[dict[str, Any]], photos: Sequence[bytes], rules: PhotoRules
    ) -> None:
        uploads = []
        for entry, data in zip(described, photos, strict=True):
            prepared = prepare(data, entry["media_type"], rules.long_side_px)
            entry["prepared_bytes"] = len(prepared)
            key = prepared_key(inspection_id, entry["index"])
            uploads.append(self._transfers.submit(self._store.put, key, prepared, "image/jpeg"))
        for upload in uploads:
            upload.result()


def _judge_all(
    entries: Sequence[dict[str, Any]], arriving: Iterable[bytes], rules: PhotoRules
) -> tuple[list[dict[str, Any]], list[bytes], list[bytes], list[str]]:
    """Each photo's row entry with its quality, its bytes, its thumbnail unless it is damaged, and a sentence for each
    photo that must be taken again."""
    photos: list[bytes] = []
    thumbnails: list[bytes] = []
    described: list[dict[str, Any]] = []
    rejected: list[str] = []
    fingerprints: dict[int, int] = {}
    for entry, data in zip(entries, arriving, strict=True):
        photos.append(data)
        quality: PhotoQuality
        try:
            analysis = analyse(data, entry["media_type"])
        except DamagedPhoto:
            quality = damaged()
        else:
            quality = judge(analysis, rules.thresholds, fingerprints)
            fingerprints[entry["index"]] = analysis.fingerprint
            thumbnails.append(analysis.thumbnail)
            entry = entry | {"width": analysis.width, "height": analysis.height}
        described.append(entry | {"quality": quality.model_dump()})
        if quality.verdict == "retake":
            rejected.append(f"Photo {entry['index'] + 1}: {quality.hint}")
    return described, photos, thumbnails, rejected
