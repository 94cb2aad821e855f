"""One attempt's HTTP: to public hosts only, no redirect followed, bounded in time and bytes."""

import time

import pytest

from core.outward import Outward
from notify.deliver import NotSent
from notify.post import OutwardPost
from tests.fakes.http_endpoint import HttpEndpoint, serving


def to(endpoint: HttpEndpoint, limit_s: float = 5.0) -> int:
    outward = Outward([("127.0.0.1", endpoint.server_port)])
    return OutwardPost(outward, limit_s)(f"{endpoint.url}/hook", b'{"a": 1}', {"webhook-id": "msg_a"})


def test_it_arrives_as_it_is() -> None:
    with serving() as endpoint:
        assert to(endpoint) == 200
        ((path, headers, body),) = endpoint.requests
    assert (path, headers["webhook-id"], body) == ("/hook", "msg_a", b'{"a": 1}')


def test_a_redirect_is_an_answer_and_not_a_way() -> None:
    with serving() as endpoint:
        endpoint.status, endpoint.headers = 307, {"Location": f"{endpoint.url}/elsewhere"}
        assert to(endpoint) == 307
        assert len(endpoint.requests) == 1


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    with serving() as endpoint:
        endpoint.body = b"x" * 10_000_000
        assert to(endpoint) == 200


def test_a_slow_receiver_is_left() -> None:
    with serving() as endpoint:
        endpoint.delay_s = 6.0
        start = time.monotonic()
        with pytest.raises(NotSent, match="in time"):
            to(endpoint, limit_s=0.3)
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("https://127.0.0.1/", []),
        ("http://receiver.example/", ["93.184.216.34"]),
        ("https://receiver.example/", ["10.0.0.7"]),
        ("https://receiver.example/", ["93.184.216.34", "169.254.169.254"]),
    ],
)
def test_what_leads_inside_by_now_is_not_asked(url: str, addresses: list[str]) -> None:
    """The check at creation was long ago: a name may have moved since."""
    connected: list[object] = []

    def connect(address: tuple[str, int], timeout_s: float) -> object:
        connected.append(address)
        raise OSError

    outward = Outward(resolve=lambda host, port: addresses, connect=connect)  # type: ignore[arg-type]
    with pytest.raises(NotSent):
        OutwardPost(outward)(url, b"{}", {})
    assert connected == []
