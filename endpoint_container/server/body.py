"""A request's body, read with a limit and parsed as one JSON object."""

import json
from typing import Any, NoReturn

from fastapi import Request

from models.errors import EndpointError


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The raw body. Raises `unsupported_media_type` or `body_too_large`, the latter before reading on."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise EndpointError("unsupported_media_type", "Send Content-Type: application/json.")
    too_large = EndpointError("body_too_large", f"At most {max_bytes} bytes.")
    announced = request.headers.get("content-length", "0")
    if announced.isascii() and announced.isdigit() and int(announced) > max_bytes:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object that the body is; raises `malformed_json`."""
    try:
        content = json.loads(body, parse_constant=_refuse_constant)
        if b"\\ud" in body.lower():
            # Half of a surrogate pair is JSON but no text, and no tokenizer takes it; encoding it fails.
            json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise EndpointError("malformed_json", "The body cannot be parsed as JSON.") from error
    if not isinstance(content, dict):
        raise EndpointError("malformed_json", "The body must be a JSON object.")
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
