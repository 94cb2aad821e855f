"""The inspection bucket in a dictionary."""

from collections.abc import Sequence

from core.errors import Unavailable
from core.storage import MissingObject


class InMemoryStore:
    """An `ObjectStore`. `objects` is what it holds; a key in `refused` can be neither read nor written, one in
    `undeletable` not be removed."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.refused: set[str] = set()
        self.undeletable: set[str] = set()

    def put(self, key: str, data: bytes, media_type: str) -> None:
        self._check(key)
        self.objects[key] = data

    def put_once(self, key: str, data: bytes, media_type: str) -> None:
        self._check(key)
        self.objects.setdefault(key, data)

    def get(self, key: str) -> bytes:
        found = self.find(key)
        if found is None:
            raise MissingObject("What the inspection needs is no longer stored.")
        return found

    def find(self, key: str) -> bytes | None:
        self._check(key)
        return self.objects.get(key)

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            if key in self.undeletable:
                raise Unavailable("The store is away.", retry_after_s=5)
            self._check(key)
            self.objects.pop(key, None)

    def _check(self, key: str) -> None:
        if key in self.refused:
            raise Unavailable("The store is away.", retry_after_s=5)
