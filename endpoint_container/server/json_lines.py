"""A streamed answer: one JSON object a line. Whoever passes the bytes on may cut them anywhere but loses no line."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MEDIA_TYPE = "application/jsonlines"


class JsonLines(Response):
    """Sends each object as soon as it is there. If the caller is gone or the server stops, `lines` is closed."""

    media_type = MEDIA_TYPE

    def __init__(self, lines: AsyncGenerator[Mapping[str, object], None]) -> None:
        super().__init__()
        # The length is not known; without one the server sends in chunks.
        del self.headers["content-length"]
        # Proxies that collect a response before they pass it on are asked not to.
        self.headers["x-accel-buffering"] = "no"
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._lines) as lines:
            async for line in lines:
                body = json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
