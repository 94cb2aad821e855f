"""A manifest on this machine as the gateway takes it: photos that are files go into their lines, or are uploaded."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from scrutineer.connection import Json
from scrutineer.errors import UserError

LARGEST_BYTES = 5_500_000  # of a request's body, its JSON escapes included, with room for what goes around it

Upload = Callable[[Sequence[bytes]], list[Json]]
"""Photos' bytes to what names each of them in a line."""


def read_manifest(path: Path, upload: Upload) -> str:
    """JSON Lines with every `{"path": FILE}` among photos replaced by the file's content, or by an upload of it where
    one request could not hold them all.

    Paths are taken from the manifest's folder. A line that is no JSON is left as it is: the gateway says what is wrong
    with it, as with every other line. Raises UserError for a file that can't be read, for more lines than a request
    holds, and what `upload` raises.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8.") from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    lines = text.split("\n")
    if len(json.dumps(text)) > LARGEST_BYTES:
        raise UserError(f"{path} is larger than one request may be ({LARGEST_BYTES:,} bytes): send it in parts.")
    files = [_size(file) for number, line in enumerate(lines, 1) for file in _files(line, path.parent, number)]
    fits = len(json.dumps(text)) + sum(files) * 4 // 3 + 100 * len(files) <= LARGEST_BYTES
    hand_in = _inlined if fits else upload
    return "\n".join(_filled(line, path.parent, number, hand_in) for number, line in enumerate(lines, 1))


def _filled(line: str, folder: Path, number: int, hand_in: Upload) -> str:
    files = list(_files(line, folder, number))
    if not files:
        return line
    content = json.loads(line)
    named = iter(hand_in([file.read_bytes() for file in files]))
    names = iter(files)
    photos = [
        {"name": next(names).name[:100], **{key: photo[key] for key in photo if key != "path"}, **next(named)}
        if _is_file(photo)
        else photo
        for photo in content["photos"]
    ]
    return json.dumps({**content, "photos": photos})


def _files(line: str, folder: Path, number: int) -> Iterator[Path]:
    """The files that a line names. Raises UserError for one that is none."""
    if '"path"' not in line:
        return
    try:
        content = json.loads(line)
    except ValueError:
        return
    photos = content.get("photos") if isinstance(content, dict) else None
    for photo in photos if isinstance(photos, list) else []:
        if _is_file(photo):
            file = folder / photo["path"]
            if not file.is_file():
                raise UserError(f"Line {number}: {file} is no file.")
            yield file


def _is_file(photo: Any) -> bool:
    return isinstance(photo, dict) and isinstance(photo.get("path"), str)


def _size(file: Path) -> int:
    return file.stat().st_size


def _inlined(photos: Sequence[bytes]) -> list[Json]:
    return [{"data": base64.b64encode(data).decode()} for data in photos]
