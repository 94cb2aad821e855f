"""Asking addresses that clients give us: photos by URL, webhooks. It can't be turned inward.

A name is resolved once, every address it has must be public, and one of these very addresses is connected to; the name
stays for TLS and for the Host header. Every redirect is judged the same way. One deadline holds for all of it, so that
a host which sends a byte a second ends with the rest. Proxies that the environment names are not used.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from urllib.parse import urljoin

from core.errors import Unavailable, UnsafeAddress
from core.outward_address import LocalPlace, Target, check_public, parse

CONNECT_LIMIT_S = 3.0
MOST_ADDRESSES = 4  # of one name that are tried, one after the other
CHUNK_BYTES = 65_536
REDIRECTS = (301, 302, 303, 307, 308)

Resolve = Callable[[str, int], Sequence[str]]
"""Host and port to IP addresses. Raises OSError."""
Connect = Callable[[tuple[str, int], float], socket.socket]
"""IP address and port, and at most so many seconds, to a connected socket. Raises OSError."""


class NotReached(Unavailable):
    """No such name, nothing listens, TLS fails, time is up, or the answer is no HTTP."""

    code, title = "not_reached", "An address that was given does not answer"
    attempted = True  # an address that never answers must not be waited for


@dataclass(frozen=True)
class Answer:
    """What came back. Names of `headers` are in lower case; `whole` is False where `data` was cut at the limit."""

    status: int
    media_type: str
    headers: Mapping[str, str]
    data: bytes
    whole: bool


def resolve(host: str, port: int) -> list[str]:
    """By the system's resolver."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Outward:
    """Asks public hosts. `local` may be asked over plain http besides: only where a setting says so."""

    def __init__(
        self,
        local: Collection[LocalPlace] = (),
        *,
        resolve: Resolve = resolve,
        connect: Connect = socket.create_connection,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._local = frozenset(local)
        self._resolve = resolve
        self._connect = connect
        self._given_tls = tls
        self._resolving = ThreadPoolExecutor(16, thread_name_prefix="resolve")  # the system's resolver has no timeout

    def check(self, url: str, *, field: str | None = None, limit_s: float = CONNECT_LIMIT_S) -> None:
        """Judge an address without asking it, such as when it is stored. Raises UnsafeAddress, NotReached."""
        self._addresses(parse(url, field, self._local), field, time.monotonic() + limit_s)

    def check_form(self, url: str, *, field: str | None = None) -> None:
        """Judge an address as it is written, without resolving its name. Raises UnsafeAddress."""
        parse(url, field, self._local)

    def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        field: str | None = None,
        max_bytes: int,
        limit_s: float,
        redirects: int = 0,
    ) -> Answer:
        """The answer, of whatever status, within `limit_s` seconds in all and cut at `max_bytes`.

        At most `redirects` are followed, by GET alone; one more is UnsafeAddress, and with 0 the 3xx itself is the
        answer. Raises UnsafeAddress and NotReached, with `field`.
        """
        if redirects and method != "GET":
            raise ValueError("a body is never sent to where a redirect points")
        ends_at = time.monotonic() + limit_s
        left = redirects
        while True:
            target = parse(url, field, self._local)
            answer = self._ask(method, target, body, headers or {}, field, max_bytes, ends_at)
            location = answer.headers.get("location")
            if not redirects or answer.status not in REDIRECTS or location is None:
                return answer
            if not left:
                raise UnsafeAddress(f"The address leads through more than {redirects} redirects.", field=field)
            left -= 1
            url = urljoin(url, location)

    def _ask(
        self,
        method: str,
        target: Target,
        body: bytes | None,
        headers: Mapping[str, str],
        field: str | None,
        max_bytes: int,
        ends_at: float,
    ) -> Answer:
        addresses = self._addresses(target, field, ends_at)
        try:
            with self._connected(target, addresses, ends_at) as sock, _cut_off_at(ends_at, sock):
                connection = http.client.HTTPConnection(target.host, target.port)
                connection.sock = sock  # so that it never opens one by itself
                connection.request(
                    method,
                    target.target,
                    body,
                    {**headers, "Host": target.authority, "Accept-Encoding": "identity", "Connection": "close"},
                )
                with closing(connection.getresponse()) as response:
                    answer = _read(response, max_bytes)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _not_reached(ends_at, field) from error
        if time.monotonic() >= ends_at:  # where no length is given, a connection that was cut off looks like the end
            raise _not_reached(ends_at, field)
        return answer

    def _addresses(self, target: Target, field: str | None, ends_at: float) -> list[str]:
        """All of the host's addresses, each of them public: one that is not spoils the name."""
        if not target.tls:
            return [target.host]
        if target.address is not None:
            return [str(target.address)]
        try:
            found = self._resolving.submit(self._resolve, target.host, target.port).result(_left_s(ends_at))
        except (OSError, TimeoutError, UnicodeError) as error:
            raise NotReached("The host's name can't be resolved.", field=field, retry_after_s=5) from error
        try:
            addresses = [ip_address(each) for each in found]
        except ValueError as error:
            raise UnsafeAddress("The address does not lead to a public host.", field=field) from error
        for address in addresses:
            check_public(address, field)
        if not addresses:
            raise NotReached("The host's name can't be resolved.", field=field, retry_after_s=5)
        return [str(address) for address in addresses[:MOST_ADDRESSES]]

    @contextmanager
    def _connected(self, target: Target, addresses: Sequence[str], ends_at: float) -> Iterator[socket.socket]:
        raw = self._first_that_connects(target.port, addresses, ends_at)
        with raw:
            raw.settimeout(_left_s(ends_at))
            if not target.tls:
                yield raw
                return
            with self._tls.wrap_socket(raw, server_hostname=target.host) as wrapped:
                yield wrapped

    def _first_that_connects(self, port: int, addresses: Sequence[str], ends_at: float) -> socket.socket:
        failed: OSError | None = None
        for address in addresses:
            try:
                return self._connect((address, port), min(CONNECT_LIMIT_S, _left_s(ends_at)))
            except OSError as error:
                failed = error
        raise failed or OSError("no address")

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        if self._given_tls is not None:
            return self._given_tls
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context


@contextmanager
def _cut_off_at(ends_at: float, sock: socket.socket) -> Iterator[None]:
    """Ends the connection when time is up, whatever it is doing: a timeout holds for one read, and reads are many."""
    timer = threading.Timer(_left_s(ends_at), _cut_off, [sock])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut_off(sock: socket.socket) -> None:
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # below TLS, whose own would take its state from under a read
    except OSError:
        return  # closed already


def _read(response: http.client.HTTPResponse, max_bytes: int) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    data = bytearray()
    while len(data) <= max_bytes and (chunk := response.read1(CHUNK_BYTES)):
        data += chunk
    if len(data) <= max_bytes and response.length:
        raise http.client.IncompleteRead(bytes(data), response.length)
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return Answer(response.status, media_type, headers, bytes(data[:max_bytes]), len(data) <= max_bytes)


def _left_s(ends_at: float) -> float:
    """Never 0, which would be a socket that does not wait at all."""
    return max(ends_at - time.monotonic(), 0.001)


def _not_reached(ends_at: float, field: str | None) -> NotReached:
    late = time.monotonic() >= ends_at
    return NotReached(
        "The host did not answer in time." if late else "The host can't be reached.", field=field, retry_after_s=5
    )
