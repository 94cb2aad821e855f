"""A webhook's receiver behind no network: what came in, and what it answers."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Got:
    url: str
    body: bytes
    headers: dict[str, str]

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class FakeReceiver:
    """A `Post`. `answer` gives the status for what came in, or raises; it is asked by several threads at once."""

    answer: Callable[[Got], int] = lambda got: 200
    got: list[Got] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        came = Got(url, body, headers)
        with self._lock:
            self.got.append(came)
        return self.answer(came)

    def to(self, url: str) -> list[Got]:
        return [each for each in self.got if each.url == url]
