"""A small internet on 127.0.0.1: names with addresses, and an https server with a certificate for some of the names."""

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

PUBLIC = "93.184.216.34"


@dataclass
class Page:
    """An answer; `drip_s` seconds pass before each byte of the body, `silent_s` before the first line."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    silent_s: float = 0.0
    length: bool = True


class Internet:
    """Hand `resolve`, `connect` and `tls` to an Outward. Every public address is the same server.

    `names` is the directory; `connected` holds each (address, port) that was connected to, `asked` each (method, path,
    headers, body) that came in, `pages` what is answered to a path.
    """

    def __init__(self, server: ThreadingHTTPServer, tls: ssl.SSLContext) -> None:
        self._server = server
        self.tls = tls
        self.names: dict[str, Sequence[str] | Callable[[], Sequence[str]]] = {}
        self.pages: dict[str, Page] = {}
        self.resolved: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []

    def resolve(self, host: str, port: int) -> Sequence[str]:
        self.resolved.append(host)
        try:
            found = self.names[host]
        except KeyError:
            raise socket.gaierror(socket.EAI_NONAME, "unknown") from None
        return found() if callable(found) else found

    def connect(self, address: tuple[str, int], timeout_s: float) -> socket.socket:
        self.connected.append(address)
        if address[0].startswith("203."):
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", self._server.server_port), timeout_s)


@contextmanager
def internet(folder: Path, *certified: str) -> Iterator[Internet]:
    """Serves until the block ends; `folder` holds the certificate, `certified` are the names in it."""
    certificate = folder / "certificate.pem"
    certificate.write_bytes(_certificate(certified))
    serving_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving_tls.load_cert_chain(certificate)
    server = _Server(serving_tls)
    made = server.internet = Internet(server, ssl.create_default_context(cafile=str(certificate)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    internet: Internet

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tls = tls

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever hangs up in the middle is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def setup(self) -> None:
        # In the request's own thread, so that a handshake which fails stops nobody else.
        self.request = self.server.tls.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)
        super().setup()

    def handle(self) -> None:
        try:
            self.request.do_handshake()
            super().handle()
        except OSError:  # the other side does not trust us, or has hung up
            return

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            pass
        finally:
            self.request.close()

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        made = self.server.internet
        made.asked.append((self.command, self.path, dict(self.headers), body))
        page = made.pages.get(self.path, Page(b"no such page", status=404))
        time.sleep(page.silent_s)
        self.send_response(page.status)
        if page.length:
            self.send_header("Content-Length", str(len(page.body)))
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if not page.drip_s:
            self.wfile.write(page.body)
            return
        for byte in page.body:
            time.sleep(page.drip_s)
            self.wfile.write(bytes([byte]))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is to be read on stderr."""


def _certificate(names: Sequence[str]) -> bytes:
    """A certificate that vouches for itself and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)
