"""A manifest as it comes in: its lines counted and measured, so that what is kept can be read to its end."""

from collections.abc import Iterable

from core.errors import InvalidRequest

MAX_LINES = 10_000
MAX_LINE_BYTES = 4 * 1024 * 1024  # the reader holds a line whole


class InvalidManifest(InvalidRequest):
    """As a whole; what is wrong with one line is told by its item."""

    code, title = "invalid_manifest", "The manifest can't be taken"


class ManifestTooLarge(InvalidRequest):
    code, status, title = "manifest_too_large", 413, "The manifest has too many lines, or one that is too long"


def count_lines(lines: Iterable[bytes], field: str) -> int:
    """How many there are. Raises InvalidManifest where there is none, ManifestTooLarge; `field` holds the manifest."""
    count = 0
    for count, line in enumerate(lines, 1):
        if count > MAX_LINES:
            raise ManifestTooLarge(f"The manifest has more than {MAX_LINES} lines.", field=field)
        if len(line) > MAX_LINE_BYTES:
            raise ManifestTooLarge(f"Line {count} is longer than {MAX_LINE_BYTES} bytes.", field=field)
    if not count:
        raise InvalidManifest("The manifest has no lines.", field=field)
    return count
