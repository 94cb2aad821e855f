"""The one HTTP request of an attempt: inward-safe, bounded, without redirects; of the answer only the status counts."""

from core.errors import ScrutineerError
from core.outward import Outward
from notify.deliver import NotSent

LIMIT_S = 10.0  # in all; connecting has its own, shorter one
MOST_BYTES = 4096  # of the answer that are read, and dropped


class OutwardPost:
    """A `Post`; safe for several threads at once."""

    def __init__(self, outward: Outward, limit_s: float = LIMIT_S) -> None:
        self._outward = outward
        self._limit_s = limit_s

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        try:
            return self._outward.request(
                "POST", url, body=body, headers=headers, max_bytes=MOST_BYTES, limit_s=self._limit_s
            ).status
        except ScrutineerError as error:
            raise NotSent(error.detail) from error
