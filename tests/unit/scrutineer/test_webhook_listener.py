"""The developer's receiver: takes what verifies, once, and refuses everything else."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from scrutineer.errors import UserError
from scrutineer.webhook_listener import Listener

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"type":"test"}'


class Running:
    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.refused: list[str] = []
        self.listener = Listener(0, SECRET, self.heard.append, self.refused.append)

    def post(self, body: str = BODY, **changes: str) -> int:
        now = datetime.now(UTC)
        headers = {
            "webhook-id": "msg_a",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign("msg_a", now, BODY),
        }
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        url = f"http://127.0.0.1:{self.listener.server_port}/"
        return httpx.post(url, content=body, headers=headers, trust_env=False).status_code


@pytest.fixture
def running() -> Iterator[Running]:
    found = Running()
    thread = threading.Thread(target=found.listener.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.listener.shutdown()
    thread.join()
    found.listener.server_close()


def test_what_verifies_is_heard_once(running: Running) -> None:
    assert (running.post(), running.post()) == (204, 204)
    assert (running.heard, running.refused) == ([{"type": "test"}], [])


@pytest.mark.parametrize(
    "spoilt",
    [{"body": '{"type":"best"}'}, {"webhook_signature": "no-comma"}, {"webhook_timestamp": "1"}, {"webhook_id": "x"}],
)
def test_anything_else_is_refused(running: Running, spoilt: dict[str, str]) -> None:
    assert running.post(**spoilt) == 400
    assert running.heard == []
    assert len(running.refused) == 1


def test_a_port_that_is_taken_is_told(running: Running) -> None:
    with pytest.raises(UserError, match="Port"):
        Listener(running.listener.server_port, SECRET, print, print)
