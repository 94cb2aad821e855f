"""A real HTTP server on 127.0.0.1 that answers as it is told."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakes.http_serving import on_a_thread


class HttpEndpoint(ThreadingHTTPServer):
    """`requests` holds (path, headers, body); the answer is `status`, `headers` and `body`, after `delay_s` seconds.
    `statuses` are answered before that, one a request. A PUT is a POST here.

    A GET is answered from `files` by its path, and noted nowhere. `cut` is where the connection is closed instead:
    before the answer, or inside its body.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 200
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.body = b"{}"
        self.delay_s = 0.0
        self.cut = ""
        self.files: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving() -> Iterator[HttpEndpoint]:
    """Runs one until the block ends."""
    with on_a_thread(HttpEndpoint()) as server:
        yield server


class _Handler(BaseHTTPRequestHandler):
    server: HttpEndpoint

    def do_GET(self) -> None:
        found = self.server.files.get(self.path)
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        self.wfile.write(found or b"")

    def do_POST(self) -> None:
        told = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told.requests.append((self.path, dict(self.headers), body))
        if told.cut == "before":
            return
        if told.delay_s:
            time.sleep(told.delay_s)
        self.send_response(told.statuses.pop(0) if told.statuses else told.status)
        self.send_header("Content-Length", str(len(told.body) + (10 if told.cut == "inside" else 0)))
        for name, value in ({"Content-Type": "application/json"} | told.headers).items():
            self.send_header(name, value)
        with suppress(ConnectionError):  # whoever asked may not have waited
            self.end_headers()
            self.wfile.write(told.body)

    do_PUT = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is to be read on stderr."""
