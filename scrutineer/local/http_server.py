"""An ASGI application served on 127.0.0.1 by uvicorn, in a thread."""

import asyncio
import socket
import threading
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from scrutineer.local.errors import StartFailed
from scrutineer.local.ports import HOST

RAW_HEADERS = "scrutineer.raw_headers"


class HttpServer:
    """`port` 0 takes a free one."""

    def __init__(self, app: ASGIApp, *, port: int = 0, name: str) -> None:
        self._name = name
        try:
            self._socket = _listener(port)
        except OSError as error:
            raise StartFailed(f"{name}: port {port} is taken; choose another one") from error
        self._socket.set_inheritable(False)
        self.port = int(self._socket.getsockname()[1])
        self.url = f"http://{HOST}:{self.port}"
        config = uvicorn.Config(
            app,
            http=CasePreservingProtocol,
            ws="none",
            loop="asyncio",
            # Only Starlette's applications know what that is.
            lifespan="on" if isinstance(app, Starlette) else "off",
            access_log=False,
            log_level="critical",
            server_header=False,
            date_header=True,
            # Else X-Forwarded-For from this machine, and every caller is on it, would pass for the caller's address.
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        self._server = _QuietServer(config)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(5)
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


def _listener(port: int) -> socket.socket:
    # asyncio turns Nagle off only for sockets that say they are TCP, which those of socket.create_server do not: header
    # and body of an answer, being two writes, would cost 44 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


class _QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers: the stack has its own, in the main thread."""

    def install_signal_handlers(self) -> None:
        pass


class _RecordingConnection(h11.Connection):
    """Remembers the last request's header names as they were sent: h11 and ASGI only keep them in lower case."""

    raw_headers: list[tuple[bytes, bytes]] | None = None

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.raw_headers = event.headers.raw_items()
        return event


class CasePreservingProtocol(H11Protocol):
    """Adds `scope["extensions"]["scrutineer.raw_headers"]`: REST API passes header names on as sent."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn: _RecordingConnection = _RecordingConnection(h11.SERVER, max_incomplete_event_size=64 * 1024)

    def handle_events(self) -> None:
        super().handle_events()
        raw_headers = self.conn.raw_headers
        if raw_headers is not None and self.scope is not None:
            # The application's task is only scheduled so far; it runs after this.
            extensions: dict[str, Any] = self.scope.setdefault("extensions", {})
            extensions[RAW_HEADERS] = raw_headers
            self.conn.raw_headers = None
