"""Models that embed, each wrong in one way, and one that is not."""

from collections.abc import Mapping
from typing import Any

from models.embedding import EmbeddingRequest, EmbeddingResult, EmbeddingUsage
from models.interface import ModelIdentity, TaskRunner


class Embeds:
    """Healthy: the vector of an input says which it was."""

    identity = ModelIdentity("fake-embedder", "1", "0" * 64)

    @property
    def tasks(self) -> Mapping[str, TaskRunner[Any, Any, Any]]:
        return {"embed": self}

    def self_test(self) -> None: ...

    def prepare(self, request: EmbeddingRequest) -> EmbeddingRequest:
        return request

    def vectors(self, count: int) -> tuple[tuple[float, ...], ...]:
        return tuple((1.0, 0.0) if number % 2 else (0.0, 1.0) for number in range(count))

    def run(self, prepared: EmbeddingRequest) -> EmbeddingResult:
        usage = EmbeddingUsage(texts=1, photos=1, prompt_tokens=3)
        return EmbeddingResult(self.vectors(len(prepared.inputs)), 2, usage, {"language": 1.0, "vision": 2.0})


class EmbedsNaN(Embeds):
    def vectors(self, count: int) -> tuple[tuple[float, ...], ...]:
        return ((float("nan"), 0.0),) * count


class EmbedsLongVectors(Embeds):
    """Forgets to normalise."""

    def vectors(self, count: int) -> tuple[tuple[float, ...], ...]:
        return ((3.0, 4.0),) * count


class EmbedsAnotherDimension(Embeds):
    def vectors(self, count: int) -> tuple[tuple[float, ...], ...]:
        return ((1.0, 0.0, 0.0),) * count


class ForgetsAnInput(Embeds):
    def vectors(self, count: int) -> tuple[tuple[float, ...], ...]:
        return super().vectors(count - 1)
