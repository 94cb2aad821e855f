"""A TCP proxy before MySQL that lets a COMMIT through and cuts its answer off."""

import random
import socket
import threading
from contextlib import suppress

COMMIT = b"\x03COMMIT"  # COM_QUERY and its text, after a packet's header of four bytes
CHUNK = 65_536


class CommitCutter:
    """Listens on a free port of 127.0.0.1; of COMMITs `share` are carried out and never answered."""

    def __init__(self, host: str, port: int, seed: int) -> None:
        self._to = (host, port)
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.share = 0.0
        self.cut = 0
        threading.Thread(target=self._accept, name="commit-cutter", daemon=True).start()

    def close(self) -> None:
        """Connections that are open go on."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._to)
            except OSError:
                near.close()
                continue
            for each in (near, far):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _Link(self, near, far).start()

    def draws(self) -> bool:
        """Whether this COMMIT's answer is to be cut."""
        return self._random.random() < self.share


class _Link:
    """One connection, a thread for each direction."""

    def __init__(self, cutter: CommitCutter, near: socket.socket, far: socket.socket) -> None:
        self._cutter = cutter
        self._near = near
        self._far = far
        self._doomed = False

    def start(self) -> None:
        for run in (self._forward, self._backward):
            threading.Thread(target=run, daemon=True).start()

    def _forward(self) -> None:
        with suppress(OSError):
            while data := self._near.recv(CHUNK):
                if data[4:] == COMMIT and self._cutter.draws():
                    self._doomed = True
                self._far.sendall(data)
        self._end()

    def _backward(self) -> None:
        with suppress(OSError):
            while data := self._far.recv(CHUNK):
                if self._doomed:  # the server has committed, and says so to nobody
                    self._cutter.cut += 1
                    break
                self._near.sendall(data)
        self._end()

    def _end(self) -> None:
        for each in (self._near, self._far):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
