"""Lambda's Runtime API for one execution environment: what `awslambdaric` asks and answers.

Protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, version 2018-06-01.
"""

import contextlib
import json
import queue
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, cast

PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
PREFIX = "/2018-06-01/runtime/"


@dataclass(frozen=True)
class Invocation:
    """`deadline` in seconds since the epoch."""

    request_id: str
    payload: bytes
    deadline: float
    function_arn: str
    trace_id: str


@dataclass(frozen=True)
class Completion:
    """`error_type` is None for an ordinary answer, else Lambda's `X-Amz-Function-Error` (always "Unhandled")."""

    payload: bytes
    error_type: str | None = None
    slot_is_spent: bool = False


class RuntimeApi:
    """Listens on a free port of 127.0.0.1 for one runtime process. `next` blocks until `submit` gives it work."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.ready_at = 0.0
        self.init_error: bytes | None = None
        self.completions: queue.SimpleQueue[tuple[str, Completion]] = queue.SimpleQueue()
        self._invocations: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=8)
        self._closed = False
        threading.Thread(target=self._accept, name="runtime-api", daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def submit(self, invocation: Invocation) -> None:
        self._invocations.put(invocation)

    def close(self) -> None:
        self._closed = True
        self._invocations.put(None)
        # shutdown wakes the thread that sits in accept; close alone would not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def next_invocation(self) -> Invocation | None:
        self.mark_ready()
        return self._invocations.get()

    def mark_ready(self) -> None:
        if not self.ready.is_set():
            self.ready_at = time.monotonic()
            self.ready.set()

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), name="runtime-api", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            _Handler(connection, connection.getpeername(), cast(Any, self))
        except OSError:
            # A runtime that was killed resets its connection.
            pass
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Header and body in one segment and no Nagle: two small writes cost 2 x 44 ms (Nagle against delayed ACK).
    wbufsize = -1
    disable_nagle_algorithm = True
    server: RuntimeApi  # type: ignore[assignment]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path != PREFIX + "invocation/next":
            self._answer(404)
            return
        invocation = self.server.next_invocation()
        if invocation is None:
            self.close_connection = True
            return
        self._answer(
            200,
            invocation.payload,
            {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
                "Lambda-Runtime-Trace-Id": invocation.trace_id,
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        tail = self.path.removeprefix(PREFIX)
        if tail == "init/error":
            self.server.init_error = body
            self._answer(202, b'{"status":"OK"}')
            self.server.mark_ready()
            return
        request_id, _, kind = tail.removeprefix("invocation/").partition("/")
        if kind == "response" and len(body) > PAYLOAD_LIMIT_BYTES:
            self._answer(
                413, b'{"errorType":"RequestEntityTooLarge","errorMessage":"Exceeded maximum allowed payload"}'
            )
            completion = Completion(response_too_large(len(body)), "Unhandled", slot_is_spent=True)
        elif kind in ("response", "error"):
            self._answer(202, b'{"status":"OK"}')
            completion = Completion(body, None if kind == "response" else "Unhandled")
        else:
            self._answer(404)
            return
        self.server.completions.put((request_id, completion))

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def response_too_large(size_bytes: int) -> bytes:
    return error_payload(
        "Function.ResponseSizeTooLarge",
        f"Response payload size ({size_bytes} bytes) exceeded maximum allowed payload size "
        f"({PAYLOAD_LIMIT_BYTES} bytes).",
    )


def error_payload(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


def new_trace_id() -> str:
    """An X-Ray trace header that says "not sampled" (https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html)."""
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Sampled=0"
