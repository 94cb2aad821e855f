"""A webhook's receiver for a developer's machine: verifies each message, answers, and hands it on."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from scrutineer.errors import UserError

LISTENS_AT = 8790
LONGEST_BODY = 1_000_000


class Listener(HTTPServer):
    """On 127.0.0.1. `heard` gets each message that verifies, once; `refused` why one did not. Port 0 is a free one.

    Raises UserError for a port that is taken or a secret that can be none.
    """

    def __init__(self, port: int, secret: str, heard: Callable[[Any], None], refused: Callable[[str], None]) -> None:
        from standardwebhooks import Webhook

        try:
            self.webhook = Webhook(secret)
        except Exception as error:  # the library raises what base64 raises, and its own
            raise UserError("The secret is not of the form whsec_…") from error
        self.heard, self.refused = heard, refused
        self.seen: set[str] = set()
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise UserError(f"Port {port}: {error.strerror}.") from error


def listen(port: int, secret: str, *, heard: Callable[[Any], None], refused: Callable[[str], None]) -> None:
    """Until interrupted."""
    with Listener(port, secret, heard, refused) as listener:
        listener.serve_forever()


class _Handler(BaseHTTPRequestHandler):
    server: Listener
    timeout = 10

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LONGEST_BODY:
            self._refuse("no length, or too long")
            return
        body = self.rfile.read(int(length))
        try:
            message = self.server.webhook.verify(body, dict(self.headers))
        except Exception as error:  # the library's own, and ValueError for a header that is malformed
            self._refuse(str(error))
            return
        message_id = self.headers["webhook-id"]
        if message_id not in self.server.seen:
            self.server.seen.add(message_id)
            self.server.heard(message)
        self._answer(204)

    def _refuse(self, why: str) -> None:
        self.server.refused(why)
        self._answer(400)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """What is to be read is printed by `heard` and `refused`."""
