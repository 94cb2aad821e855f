"""The table for hot reads in a dictionary."""

from datetime import datetime

from core.errors import Unavailable


class InMemoryResults:
    """`HotResults`. `documents` is what it holds; `away` makes every use fail."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], bytes] = {}
        self.away = False

    def put(self, client_id: str, inspection_id: str, document: bytes, finished_at: datetime) -> None:
        self._check()
        self.documents.setdefault((client_id, inspection_id), document)

    def find(self, client_id: str, inspection_id: str) -> bytes | None:
        self._check()
        return self.documents.get((client_id, inspection_id))

    def _check(self) -> None:
        if self.away:
            raise Unavailable("The table is away.", retry_after_s=5)
