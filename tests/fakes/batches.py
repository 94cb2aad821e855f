"""A batch's queue and objects in memory, and manifests as the tests need them."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from batches.contract import ManifestInput
from core.batch_objects import BatchObjects, ManifestGone, split_lines
from core.batch_queue import BatchQueue
from core.errors import Unavailable
from tests.fakes.crashing import Gate
from tests.fakes.inspections import request_body


class InMemoryBatchQueue:
    """A `BatchQueue`. `sent` holds (batch id, delay in seconds), oldest first."""

    def __init__(self, *, away: bool = False) -> None:
        self.sent: list[tuple[str, int]] = []
        self.groups: list[str] = []
        self.away = away

    def send(self, batch_id: str, *, group: str, delay_s: int = 0) -> None:
        if self.away:
            raise Unavailable("The queue can't be reached at the moment.")
        self.sent.append((batch_id, delay_s))
        self.groups.append(group)


class InMemoryBatchObjects:
    """A `BatchObjects`. `objects` is what it holds; `away` makes every use fail."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.away = False

    def put(self, key: str, content: BinaryIO, media_type: str) -> None:
        self._check()
        self.objects[key] = content.read()

    def lines(self, key: str, start: int = 0) -> Iterator[bytes]:
        self._check()
        if key not in self.objects:
            raise ManifestGone("The manifest is no longer stored.")
        yield from split_lines(iter([self.objects[key][start:]]))

    def delete(self, key: str) -> None:
        self._check()
        self.objects.pop(key, None)

    def link(self, key: str, file_name: str) -> str:
        return f"https://bucket.example/{key}?name={file_name}"

    def _check(self) -> None:
        if self.away:
            raise Unavailable("Batches can't be stored or read at the moment.", retry_after_s=5)


class GatedBatchQueue:
    """A `BatchQueue` through a gate."""

    def __init__(self, queue: BatchQueue, gate: Gate) -> None:
        self._queue = queue
        self._gate = gate

    def send(self, batch_id: str, *, group: str, delay_s: int = 0) -> None:
        self._gate.step("send batch", lambda: self._queue.send(batch_id, group=group, delay_s=delay_s))


class GatedBatchObjects:
    """A `BatchObjects` through a gate."""

    def __init__(self, objects: BatchObjects, gate: Gate) -> None:
        self._objects = objects
        self._gate = gate

    def put(self, key: str, content: BinaryIO, media_type: str) -> None:
        self._gate.step(f"put {key.rpartition('/')[2]}", lambda: self._objects.put(key, content, media_type))

    def lines(self, key: str, start: int = 0) -> Iterator[bytes]:
        return self._objects.lines(key, start)

    def delete(self, key: str) -> None:
        self._gate.step("delete manifest", lambda: self._objects.delete(key))

    def link(self, key: str, file_name: str) -> str:
        return self._objects.link(key, file_name)


def inline(request: ManifestInput, client_id: str) -> tuple[bytes, str]:
    """A ReadManifest that knows no other place."""
    return (request.manifest or "").encode(), "manifest"


def good_line(**changes: Any) -> dict[str, Any]:
    """A right line with three photos."""
    return request_body(**changes)


def manifest(lines: Sequence[Any]) -> str:
    """Text as it is, everything else as JSON."""
    return "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
