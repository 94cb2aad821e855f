"""What the server asks of a model family. A new family or task is added behind these, without the server noticing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

Request = TypeVar("Request", contravariant=True)
Prepared = TypeVar("Prepared")
Result = TypeVar("Result", covariant=True)


@dataclass(frozen=True)
class ModelIdentity:
    """Which model answered: `digest` is the sha256 over the digests of its weight files."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True)
class ModelOptions:
    """Where the artifact is and what it may use.

    `threads` 0 means all cores; `device` is auto, cpu or cuda; a cache of 0 bytes is off. Of texts written at once
    there are at most `slots`, each of `slot_tokens` with its prompt; 0 slots: the model does not write. With a
    `digest` only weights that have it are loaded.
    """

    model_dir: Path
    threads: int = 0
    device: str = "auto"
    photo_cache_bytes: int = 0
    prefix_cache_bytes: int = 0
    seen_cache_bytes: int = 0
    slots: int = 0
    slot_tokens: int = 8192
    digest: str = ""


@dataclass(frozen=True)
class Cost:
    """What a prepared request asks of the model: tokens of its prompt, tiles of its photos."""

    tokens: int
    tiles: int


@dataclass(frozen=True)
class CacheCounts:
    """What a cache did since the start, and the bytes that it holds now."""

    hits: int
    misses: int
    evictions: int
    bytes: int


class TaskRunner(Protocol[Request, Prepared, Result]):
    """One task of a loaded model, in two steps so that the accelerator never waits for a JPEG."""

    def prepare(self, request: Request) -> Prepared:
        """Everything that needs no accelerator; called from many threads at once."""

    def run(self, prepared: Prepared) -> Result:
        """The model's own work; called from the one model thread only."""


@runtime_checkable
class BatchRunner(TaskRunner[Request, Prepared, Result], Protocol):
    """A runner that gains from doing several requests at once; one that does not leaves these two out."""

    def cost(self, prepared: Prepared) -> Cost:
        """What counts towards the limits of a batch; cheap."""

    def run_batch(self, batch: Sequence[Prepared]) -> Sequence[Result]:
        """One result a request, in order; called from the model thread only.

        If it raises anything but ModelDefunct, the halves of the batch are tried, down to single requests.
        """


@dataclass(frozen=True)
class FollowUp:
    """One more job for a request that has its answers already: `runner` prepares and runs `request`."""

    runner: TaskRunner[Any, Any, Any]
    request: Any


@runtime_checkable
class FollowingRunner(TaskRunner[Request, Prepared, Result], Protocol):
    """A runner that may want another job before a request is done; one that does not leaves these two out.

    A follow-up waits in line like any request, so it holds nobody up. One that is too large for the model is left out.
    """

    def follow_up(self, request: Request, result: Any) -> FollowUp | None:
        """What is worth another job once `request` gave `result`, or None; cheap, and any number of times."""

    def joined(self, result: Any, later: Any) -> Result:
        """A result with what a follow-up adds to it."""


@runtime_checkable
class CachingModel(Protocol):
    """A model that keeps some of its work for later requests."""

    @property
    def caches(self) -> Mapping[str, CacheCounts]:
        """What each cache did, by its name; called from any thread."""


class LoadedModel(Protocol):
    """Weights in memory, ready to be asked."""

    @property
    def identity(self) -> ModelIdentity: ...

    @property
    def tasks(self) -> Mapping[str, TaskRunner[Any, Any, Any]]: ...

    def self_test(self) -> None:
        """Run one real inference; raise if its output is unusable."""
