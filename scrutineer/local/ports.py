"""Free ports of 127.0.0.1, and waiting for one to answer."""

import socket
import time
from collections.abc import Callable

from scrutineer.local.errors import StartFailed

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until_open(port: int, *, limit_s: float, what: str, alive: Callable[[], bool]) -> None:
    """Returns when something listens. Raises `StartFailed` after `limit_s` seconds or when `alive` says no."""
    give_up = time.monotonic() + limit_s
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            pass
        if not alive():
            raise StartFailed(f"{what} ended while starting")
        if time.monotonic() > give_up:
            raise StartFailed(f"{what} did not listen on port {port} within {limit_s:.0f} s")
        time.sleep(0.02)
