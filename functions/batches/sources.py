"""A manifest from wherever it is: in the request, uploaded, or in a bucket of the business."""

from collections.abc import Callable

from batches.contract import ManifestInput
from batches.manifest import InvalidManifest, ManifestTooLarge
from core.errors import InvalidPhoto, PhotoTooLarge
from core.photo_buckets import PhotoBuckets
from core.uploads import MAX_PHOTO_BYTES, PhotoUploads

ReadManifest = Callable[[ManifestInput, str], tuple[bytes, str]]
"""A request and its client's id to the manifest's bytes and the field that names it."""


class ManifestSources:
    """A ReadManifest, over the same places as photos, with the same bounds.

    Raises InvalidManifest, ManifestTooLarge, UnknownUpload, UnsafeAddress, Unavailable.
    """

    def __init__(self, uploads: PhotoUploads, buckets: PhotoBuckets) -> None:
        self._uploads = uploads
        self._buckets = buckets

    def __call__(self, request: ManifestInput, client_id: str) -> tuple[bytes, str]:
        field = "manifest" if request.manifest is not None else "url" if request.url is not None else "upload_id"
        try:
            return self._read(request, client_id, field), field
        except PhotoTooLarge as error:
            raise ManifestTooLarge(f"A manifest may have {MAX_PHOTO_BYTES:,} bytes.", field=field) from error
        except InvalidPhoto as error:
            raise InvalidManifest(error.detail, field=field) from error

    def _read(self, request: ManifestInput, client_id: str, field: str) -> bytes:
        if request.manifest is not None:
            return request.manifest.encode()
        if request.url is not None:
            return self._buckets.read(self._buckets.locate(request.url, client_id, field), field, _unbounded)
        return self._uploads.read(client_id, request.upload_id or "", field, _unbounded)


def _unbounded(size_bytes: int) -> None:
    """One manifest has no others to share its bytes with."""
