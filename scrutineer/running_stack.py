"""Where `scrutineer up` leaves its address, key and logs for other commands of the same user, and takes them away."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(".local") / "stack.json"


@dataclass(frozen=True)
class RunningStack:
    url: str
    key: str
    logs: str = ""


@contextmanager
def announced(stack: RunningStack, file: Path = FILE) -> Iterator[None]:
    """Readable by this user alone, and gone when the stack is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump(asdict(stack), handle)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find(file: Path = FILE) -> RunningStack | None:
    """The stack that runs from this folder, if one does."""
    try:
        return RunningStack(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
