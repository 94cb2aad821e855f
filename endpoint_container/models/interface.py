"""What the server asks of a model family. A new family or task is added behind these, without the server noticing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

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
    """Where the artifact is and what it may use. `threads` 0 means all cores; `device` is auto, cpu or cuda."""

    model_dir: Path
    threads: int = 0
    device: str = "auto"


class TaskRunner(Protocol[Request, Prepared, Result]):
    """One task of a loaded model, in two steps so that the accelerator never waits for a JPEG."""

    def prepare(self, request: Request) -> Prepared:
        """Everything that needs no accelerator; called from many threads at once."""

    def run(self, prepared: Prepared) -> Result:
        """The model's own work; called from the one model thread only."""


class LoadedModel(Protocol):
    """Weights in memory, ready to be asked."""

    @property
    def identity(self) -> ModelIdentity: ...

    @property
    def tasks(self) -> Mapping[str, TaskRunner[Any, Any, Any]]: ...

    def self_test(self) -> None:
        """Run one real inference; raise if its output is unusable."""
