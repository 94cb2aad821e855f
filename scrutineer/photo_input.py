"""Photos as a request names them: files in it while they fit, else uploaded before it; addresses as they are."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import httpx

from scrutineer.connection import GatewayConnection, Json
from scrutineer.errors import UserError

INLINE_BYTES = 4_500_000  # of all files together: in base64 they are a third more, and Lambda takes 6 MB
UPLOAD_TIMEOUT_S = 120
_ADDRESS = re.compile(r"(https|s3)://")


def is_address(photo: str) -> bool:
    """Whether the service shall fetch the photo itself."""
    return _ADDRESS.match(photo) is not None


def hand_in(photos: Sequence[Path | str], connection: GatewayConnection) -> list[Json]:
    """`photos` of `POST /v1/inspections`; a text is an address. Raises UserError, RequestFailed."""
    files = {index: (photo, _read(photo)) for index, photo in enumerate(photos) if isinstance(photo, Path)}
    if sum(len(data) for _, data in files.values()) > INLINE_BYTES:
        ways = upload([data for _, data in files.values()], connection)
    else:
        ways = [{"data": base64.b64encode(data).decode()} for _, data in files.values()]
    named = dict(zip(files, ways, strict=True))
    return [
        {"name": photo.name[:100], **named[index]} if isinstance(photo, Path) else {"url": photo}
        for index, photo in enumerate(photos)
    ]


def inline(path: Path) -> Json:
    """The photo in the request, whatever its size."""
    return {"name": path.name[:100], "data": base64.b64encode(_read(path)).decode()}


def upload(photos: Sequence[bytes], connection: GatewayConnection) -> list[Json]:
    """Each photo's place, after it is there. Raises UserError, RequestFailed."""
    asked = {"count": len(photos), "media_types": [_media_type(data) for data in photos]}
    uploads = connection.request("POST", "/v1/uploads", json=asked).content["uploads"]
    # A client of its own: the key is for the gateway alone.
    with httpx.Client(timeout=UPLOAD_TIMEOUT_S, trust_env=False) as http:
        for upload, data in zip(uploads, photos, strict=True):
            try:
                answer = http.post(upload["url"], data=upload["fields"], files={"file": ("photo", data)})
            except httpx.HTTPError as error:
                raise UserError(f"A photo can't be uploaded: {error}") from error
            if not answer.is_success:
                raise UserError(f"A photo of {len(data):,} bytes was not taken: {_reason(answer)}")
    return [{"upload_id": upload["upload_id"]} for upload in uploads]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error


def _media_type(data: bytes) -> str:
    """By the first bytes. What is none of them is said to be JPEG; the service tells that it is no photo."""
    if data.startswith(b"\x89PNG"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/heic" if data[4:8] == b"ftyp" else "image/jpeg"


def _reason(answer: httpx.Response) -> str:
    """The message of S3's error, which comes as XML."""
    try:
        message = ElementTree.fromstring(answer.text).findtext("Message")
    except ElementTree.ParseError:
        message = None
    return f"{answer.status_code} {message or answer.reason_phrase}"
