"""What clients asked and what they were told, a JSON line each, in the order in which it happened."""

import json
import threading
import time
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class History:
    """Every client writes here, from its own thread; a line is whole or not there."""

    def __init__(self, path: Path) -> None:
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._file = path.open("w", encoding="utf-8")

    def now_s(self) -> float:
        """Seconds since the history began."""
        return time.monotonic() - self._start

    def note(self, kind: str, **fields: Any) -> None:
        """`asked`: client and key. `told`: these and the answer (asked_s, status, id, state, fingerprint; id None
        where there is none). `saw`: `asked_for` and the answer to a GET."""
        with self._lock:
            self._file.write(json.dumps({"at_s": self.now_s(), "kind": kind, **fields}) + "\n")

    def close(self) -> None:
        self._file.close()


def read(path: Path) -> list[Entry]:
    """All lines of a closed history."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
