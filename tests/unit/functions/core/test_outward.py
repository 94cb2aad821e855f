"""The client for addresses that others give: to the checked address and no other, in bounded time and bytes."""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import UnsafeAddress
from core.outward import NotReached, Outward
from tests.fakes.http_endpoint import serving
from tests.fakes.internet import PUBLIC, Internet, Page, internet

LIMIT_S, MOST = 5.0, 100_000
PHOTOS = "https://photos.example.com"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    with internet(Path(tmp_path_factory.mktemp("internet")), "photos.example.com", "mirror.example.com") as made:
        yield made


@pytest.fixture
def net(served: Internet) -> Internet:
    served.names = {
        "photos.example.com": [PUBLIC],
        "mirror.example.com": ["8.8.4.4"],
        "inside.example.com": ["10.0.0.7"],
    }
    served.pages = {"/a.jpg": Page(b"\xff\xd8 a photo", headers={"Content-Type": "Image/JPEG; q=1"})}
    for list_ in (served.resolved, served.connected, served.asked):
        list_.clear()
    return served


@pytest.fixture
def outward(net: Internet) -> Outward:
    return Outward(resolve=net.resolve, connect=net.connect, tls=net.tls)


def get(outward: Outward, url: str, **options):
    return outward.request(
        "GET", url, field="url", **({"max_bytes": MOST, "limit_s": LIMIT_S, "redirects": 3} | options)
    )


def test_photo_is_fetched_from_the_address_that_was_checked(outward: Outward, net: Internet) -> None:
    answer = get(outward, f"{PHOTOS}/a.jpg")
    assert (answer.status, answer.media_type, answer.data, answer.whole) == (
        200,
        "image/jpeg",
        b"\xff\xd8 a photo",
        True,
    )
    assert net.connected == [(PUBLIC, 443)]
    assert net.resolved == ["photos.example.com"]
    ((method, path, headers, _),) = net.asked
    assert (method, path, headers["Host"]) == ("GET", "/a.jpg", "photos.example.com")


def test_body_is_posted_with_its_headers(outward: Outward, net: Internet) -> None:
    net.pages["/hook"] = Page(b"thanks", status=202, headers={"Retry-After": "7"})
    answer = outward.request(
        "POST",
        f"{PHOTOS}/hook",
        body=b"{}",
        headers={"webhook-id": "msg_1", "Host": "other"},
        max_bytes=3,
        limit_s=LIMIT_S,
    )
    assert (answer.status, answer.data, answer.whole, answer.headers["retry-after"]) == (202, b"tha", False, "7")
    ((method, _, headers, body),) = net.asked
    assert (method, headers["webhook-id"], headers["Host"], body) == ("POST", "msg_1", "photos.example.com", b"{}")


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.7"],
        ["127.0.0.1"],
        ["169.254.169.254"],
        [PUBLIC, "10.0.0.7"],  # one that is inside spoils the name
        ["10.0.0.7", PUBLIC],
        ["::1"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["2002:7f00:1::1"],
        ["fd00:ec2::254"],
        ["fe80::1%eth0"],
        ["not an address"],
    ],
)
def test_name_that_leads_inside_is_refused(outward: Outward, net: Internet, addresses: list[str]) -> None:
    net.names["photos.example.com"] = addresses
    with pytest.raises(UnsafeAddress):
        get(outward, f"{PHOTOS}/a.jpg")
    with pytest.raises(UnsafeAddress):
        outward.check(f"{PHOTOS}/a.jpg")
    assert net.connected == []


def test_name_whose_addresses_change_never_leads_inside(outward: Outward, net: Internet) -> None:
    turns = itertools.cycle([["203.0.112.9"], ["169.254.169.254"]])
    net.names["photos.example.com"] = lambda: next(turns)
    refused = 0
    for _ in range(1_000):
        with pytest.raises((UnsafeAddress, NotReached)) as told:
            get(outward, f"{PHOTOS}/a.jpg")
        refused += told.type is UnsafeAddress
    assert refused == 500
    assert net.connected == [("203.0.112.9", 443)] * 500
    assert len(net.resolved) == 1_000, "a second look may give another answer"


def test_next_address_is_tried_where_one_does_not_listen(outward: Outward, net: Internet) -> None:
    net.names["photos.example.com"] = ["203.0.112.9", PUBLIC]
    assert get(outward, f"{PHOTOS}/a.jpg").status == 200
    assert net.connected == [("203.0.112.9", 443), (PUBLIC, 443)]


def test_redirects_are_followed_to_public_hosts(outward: Outward, net: Internet) -> None:
    net.pages["/old"] = Page(status=302, headers={"Location": "/newer"})
    net.pages["/newer"] = Page(status=307, headers={"Location": "https://mirror.example.com/a.jpg"})
    assert get(outward, f"{PHOTOS}/old").data == b"\xff\xd8 a photo"
    assert net.connected == [(PUBLIC, 443), (PUBLIC, 443), ("8.8.4.4", 443)]


@pytest.mark.parametrize(
    "location",
    [
        "http://photos.example.com/a.jpg",
        "https://inside.example.com/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:127.0.0.1]/",
        "https://2130706433/",
        "//127.0.0.1/",
        "https://photos.example.com:8443/",
        "https://photos.example.com@127.0.0.1/",
        "file:///etc/passwd",
        "gopher://photos.example.com/",
        "https://photos.example.com\\@127.0.0.1/",
    ],
)
def test_redirect_inside_is_refused(outward: Outward, net: Internet, location: str) -> None:
    net.pages["/old"] = Page(status=302, headers={"Location": location})
    with pytest.raises(UnsafeAddress):
        get(outward, f"{PHOTOS}/old")
    assert net.connected == [(PUBLIC, 443)]


def test_redirects_end(outward: Outward, net: Internet) -> None:
    net.pages["/round"] = Page(status=302, headers={"Location": "/round"})
    with pytest.raises(UnsafeAddress, match="3 redirects"):
        get(outward, f"{PHOTOS}/round")
    assert len(net.asked) == 4


def test_redirect_is_an_answer_where_none_may_be_followed(outward: Outward, net: Internet) -> None:
    net.pages["/old"] = Page(status=302, headers={"Location": "/a.jpg"})
    assert get(outward, f"{PHOTOS}/old", redirects=0).status == 302
    with pytest.raises(ValueError, match="body"):
        outward.request("POST", f"{PHOTOS}/old", body=b"", max_bytes=1, limit_s=1, redirects=1)


def test_certificate_must_be_for_the_name(outward: Outward, net: Internet) -> None:
    net.names["other.example.com"] = [PUBLIC]
    with pytest.raises(NotReached):
        get(outward, "https://other.example.com/a.jpg")
    assert net.asked == []


def test_certificate_must_be_trusted(net: Internet) -> None:
    with pytest.raises(NotReached):
        get(Outward(resolve=net.resolve, connect=net.connect), f"{PHOTOS}/a.jpg")
    assert net.asked == []


def test_bytes_are_bounded(outward: Outward, net: Internet) -> None:
    net.pages["/exact"] = Page(b"x" * 10)
    net.pages["/large"] = Page(b"x" * 11)
    net.pages["/endless"] = Page(b"x" * 11, length=False)
    assert get(outward, f"{PHOTOS}/exact", max_bytes=10).whole
    for page in ("/large", "/endless"):
        answer = get(outward, PHOTOS + page, max_bytes=10)
        assert (len(answer.data), answer.whole) == (10, False)


def test_answer_that_is_cut_off_is_none(outward: Outward, net: Internet) -> None:
    net.pages["/cut"] = Page(b"half", length=False, headers={"Content-Length": "8"})
    with pytest.raises(NotReached):
        get(outward, f"{PHOTOS}/cut")


@pytest.mark.parametrize(
    "page",
    [
        Page(b"x", silent_s=6.0),
        Page(b"x" * 200, drip_s=0.05),
        Page(b"x" * 200, drip_s=0.05, length=False),  # the end of the connection would be the end of the body
    ],
)
def test_seconds_are_bounded_in_all(outward: Outward, net: Internet, page: Page) -> None:
    net.pages["/slow"] = page
    began = time.monotonic()
    with pytest.raises(NotReached, match="in time"):
        get(outward, f"{PHOTOS}/slow", limit_s=0.4)
    assert time.monotonic() - began < 5


def test_resolver_that_hangs_is_not_waited_for(net: Internet) -> None:
    over = threading.Event()

    def hang(host: str, port: int) -> list[str]:
        over.wait(10)
        return [PUBLIC]

    began = time.monotonic()
    with pytest.raises(NotReached):
        get(Outward(resolve=hang, connect=net.connect, tls=net.tls), f"{PHOTOS}/a.jpg", limit_s=0.2)
    over.set()
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("name", ["nowhere.example.com", "empty.example.com"])
def test_name_without_address_is_not_reached(outward: Outward, net: Internet, name: str) -> None:
    net.names["empty.example.com"] = []
    with pytest.raises(NotReached) as told:
        get(outward, f"https://{name}/secret-path")
    assert (told.value.status, told.value.field) == (503, "url")
    assert "secret" not in told.value.detail


def test_proxies_of_the_environment_are_ignored(
    outward: Outward, net: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert get(outward, f"{PHOTOS}/a.jpg").status == 200


def test_local_place_is_asked_over_plain_http() -> None:
    with serving() as endpoint:
        outward = Outward({("127.0.0.1", endpoint.server_port)})
        answer = outward.request("POST", f"{endpoint.url}/hook", body=b"{}", max_bytes=MOST, limit_s=LIMIT_S)
        assert answer.status == 200
        with pytest.raises(UnsafeAddress):
            Outward().request("POST", f"{endpoint.url}/hook", body=b"{}", max_bytes=MOST, limit_s=LIMIT_S)
        assert len(endpoint.requests) == 1


def test_what_is_no_http_is_not_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def greet() -> None:
            other, _ = server.accept()
            other.sendall(b"220 mail.example.com ESMTP\r\n")
            other.close()

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(NotReached):
            get(Outward({("127.0.0.1", port)}), f"http://127.0.0.1:{port}/")
        thread.join()
