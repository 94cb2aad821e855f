"""A least-recently-used cache that is bounded in bytes and counts what it does."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from models.interface import CacheCounts

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class ByteCache(Generic[Key, Value]):
    """Holds at most `capacity_bytes`; with 0 it holds nothing and counts nothing. Safe to use from several threads."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._bytes = self._hits = self._misses = self._evictions = 0

    @property
    def enabled(self) -> bool:
        return self.capacity_bytes > 0

    def get(self, key: Key) -> Value | None:
        """The value, now the most recently used one, or None; counted as a hit or a miss."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._hits += 1
                self._entries.move_to_end(key)
            elif self.enabled:
                self._misses += 1
        return None if found is None else found[0]

    def peek(self, key: Key) -> Value | None:
        """The value or None; neither counted nor made recent."""
        with self._lock:
            found = self._entries.get(key)
        return None if found is None else found[0]

    def put(self, key: Key, value: Value, size_bytes: int) -> None:
        """Keep a value; the least recently used ones go until it fits. One larger than the cache is not kept."""
        if size_bytes > self.capacity_bytes or not self.enabled:
            return
        with self._lock:
            replaced = self._entries.pop(key, None)
            self._bytes += size_bytes - (replaced[1] if replaced else 0)
            self._entries[key] = (value, size_bytes)
            while self._bytes > self.capacity_bytes:
                _, (_, freed_bytes) = self._entries.popitem(last=False)
                self._bytes -= freed_bytes
                self._evictions += 1

    @property
    def counts(self) -> CacheCounts:
        with self._lock:
            return CacheCounts(self._hits, self._misses, self._evictions, self._bytes)
