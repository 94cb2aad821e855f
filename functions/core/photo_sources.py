"""A request's photos, from wherever they are: in the request, uploaded, in a bucket, or at an https address.

All are here before the inspection is accepted. They are fetched side by side, within bounds that hold for all together.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from core.contract import PhotoInput
from core.decoded_photo import DecodedPhoto, examined
from core.errors import InvalidPhoto, NotOffered, PhotoTooLarge, Unavailable
from core.inline_photo import decode
from core.outward import NotReached, Outward
from core.photo_buckets import SCHEME, PhotoBuckets
from core.uploads import MAX_PHOTO_BYTES, PhotoUploads

LIMIT_S = 8.0
MAX_TOGETHER_BYTES = 60_000_000  # what a function of 512 MB holds besides itself
AT_ONCE = 6
MOST_REDIRECTS = 3

GatherPhotos = Callable[[Sequence[PhotoInput], str], list[DecodedPhoto]]
"""Photos as a client named them, and the client's id, to their bytes in the same order."""

_Fetch = Callable[[], bytes]


class PhotoSources:
    """A GatherPhotos. `outward` None: https addresses are not offered.

    Raises InvalidPhoto, PhotoTooLarge, UnknownUpload, UnsafeAddress, NotOffered, NotReached and Unavailable, with the
    first field at fault.
    """

    def __init__(
        self,
        uploads: PhotoUploads,
        buckets: PhotoBuckets,
        outward: Outward | None,
        limit_s: float = LIMIT_S,
        together_bytes: int = MAX_TOGETHER_BYTES,
    ) -> None:
        self._uploads = uploads
        self._buckets = buckets
        self._outward = outward
        self._limit_s = limit_s
        self._together_bytes = together_bytes
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="photo")

    def __call__(self, photos: Sequence[PhotoInput], client_id: str) -> list[DecodedPhoto]:
        ends_at = time.monotonic() + self._limit_s
        budget = _Budget(self._together_bytes)
        # What can be judged without asking anybody comes first, so that a request which is wrong costs no fetching.
        found: list[DecodedPhoto | _Fetch] = [
            decode(photo.data, index, photo.name)
            if photo.data is not None
            else self._fetch(photo, index, client_id, ends_at, budget)
            for index, photo in enumerate(photos)
        ]
        fetched = {
            index: self._threads.submit(each) for index, each in enumerate(found) if not isinstance(each, DecodedPhoto)
        }
        try:
            return [
                each
                if isinstance(each, DecodedPhoto)
                else examined(_in_time(fetched[index], ends_at), index, photo.name, _field(photo, index))
                for index, (photo, each) in enumerate(zip(photos, found, strict=True))
            ]
        finally:
            for future in fetched.values():
                future.cancel()

    def _fetch(self, photo: PhotoInput, index: int, client_id: str, ends_at: float, budget: "_Budget") -> _Fetch:
        field = _field(photo, index)
        if photo.upload_id is not None:
            upload_id = photo.upload_id
            return lambda: self._uploads.read(client_id, upload_id, field, budget.claim)
        url = photo.url or ""
        if url.startswith(SCHEME):
            location = self._buckets.locate(url, client_id, field)
            return lambda: self._buckets.read(location, field, budget.claim)
        outward = self._outward
        if outward is None:
            raise NotOffered("Photos are not fetched from https addresses here.", field=field)
        outward.check_form(url, field=field)
        return lambda: _from_web(outward, url, field, ends_at, budget)


class _Budget:
    """Bytes that the photos of one request may have together."""

    def __init__(self, size_bytes: int) -> None:
        self._most = self._left = size_bytes
        self._lock = threading.Lock()

    def claim(self, size_bytes: int) -> None:
        """Raises PhotoTooLarge."""
        with self._lock:
            self._left -= size_bytes
            if self._left < 0:
                raise PhotoTooLarge(f"All photos together may have {self._most:,} bytes.", field="photos")


def inline_only(photos: Sequence[PhotoInput], client_id: str) -> list[DecodedPhoto]:
    """A GatherPhotos that takes photos from the request alone. Raises NotOffered for others."""
    for index, photo in enumerate(photos):
        if photo.data is None:
            raise NotOffered("Photos are taken inline only here.", field=_field(photo, index))
    return [decode(photo.data or "", index, photo.name) for index, photo in enumerate(photos)]


def _field(photo: PhotoInput, index: int) -> str:
    return f"photos[{index}].{'upload_id' if photo.upload_id is not None else 'url'}"


def _in_time(future: "Future[bytes]", ends_at: float) -> bytes:
    try:
        return future.result(max(ends_at - time.monotonic(), 0) + 0.1)  # what is bounded itself tells its own end
    except TimeoutError as error:
        raise Unavailable("The photos can't be read in time.", retry_after_s=5) from error


def _from_web(outward: Outward, url: str, field: str, ends_at: float, budget: _Budget) -> bytes:
    answer = outward.request(
        "GET",
        url,
        headers={"Accept": "image/*", "User-Agent": "scrutineer"},
        field=field,
        max_bytes=MAX_PHOTO_BYTES,
        limit_s=max(ends_at - time.monotonic(), 0.001),
        redirects=MOST_REDIRECTS,
    )
    if answer.status >= 500 or answer.status in (408, 429):
        raise NotReached(f"The photo's host answered {answer.status}.", field=field, retry_after_s=5)
    if answer.status != 200:
        raise InvalidPhoto(f"The photo's host answered {answer.status}.", field=field)
    if not answer.whole:
        raise PhotoTooLarge(f"A photo may have {MAX_PHOTO_BYTES:,} bytes.", field=field)
    budget.claim(len(answer.data))
    return answer.data
