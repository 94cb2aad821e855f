"""A manifest on this machine as the gateway takes it: photos that are files here go into their lines."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scrutineer.errors import UserError

LARGEST_BYTES = 5_500_000  # of a request's body, its JSON escapes included, with room for what goes around it


def read_manifest(path: Path) -> str:
    """JSON Lines with every `{"path": FILE}` among photos replaced by the file's content.

    Paths are taken from the manifest's folder. A line that is no JSON is left as it is: the gateway says what is wrong
    with it, as with every other line. Raises UserError for a file that can't be read, and for more than a request may
    hold.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8.") from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    manifest, size = "", 0
    for line in _filled(text, path.parent):
        size += len(json.dumps(line))
        if size > LARGEST_BYTES:
            raise UserError(
                f"{path}: with its photos it is larger than one request may be ({LARGEST_BYTES:,} bytes)."
                " Send it in parts, or name the photos by reference."
            )
        manifest += line
    return manifest


def _filled(text: str, folder: Path) -> Iterator[str]:
    for number, line in enumerate(text.split("\n"), 1):
        if number > 1:
            yield "\n"
        yield _with_files(line, folder, number) if '"path"' in line else line


def _with_files(line: str, folder: Path, number: int) -> str:
    try:
        content = json.loads(line)
    except ValueError:
        return line
    photos = content.get("photos") if isinstance(content, dict) else None
    if not isinstance(photos, list):
        return line
    return json.dumps({**content, "photos": [_photo(photo, folder, number) for photo in photos]})


def _photo(photo: Any, folder: Path, number: int) -> Any:
    if not isinstance(photo, dict) or not isinstance(photo.get("path"), str):
        return photo
    path = folder / photo["path"]
    try:
        data = base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise UserError(f"Line {number}: {path}: {error.strerror}") from error
    rest = {name: value for name, value in photo.items() if name != "path"}
    return {"name": path.name[:100], **rest, "data": data}
