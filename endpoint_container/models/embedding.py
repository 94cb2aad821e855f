"""The embed task, for any model family: texts and photos in, a unit vector for each out, all of one space."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from models.errors import EndpointError
from models.photo import Photo

LENGTH_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Text:
    """A text to embed; `field` is its place in the request."""

    id: str
    text: str
    field: str


@dataclass(frozen=True)
class EmbeddingRequest:
    """Texts and photos in any order."""

    inputs: tuple[Text | Photo, ...]


@dataclass(frozen=True)
class EmbeddingUsage:
    """What a request cost the model; `prompt_tokens` counts the marks around each text, but no padding."""

    texts: int
    photos: int
    prompt_tokens: int


@dataclass(frozen=True)
class EmbeddingResult:
    """`vectors` [inputs][dimension] in the order of the inputs; `timings_ms` by stage."""

    vectors: tuple[tuple[float, ...], ...]
    dimension: int
    usage: EmbeddingUsage
    timings_ms: Mapping[str, float] = field(default_factory=dict)


def check_vectors(request: EmbeddingRequest, result: EmbeddingResult) -> None:
    """Raise `model_output_invalid` unless every input has a vector of length 1 and of the stated dimension."""
    if len(result.vectors) != len(request.inputs):
        raise EndpointError("model_output_invalid", "The model did not embed the inputs that were sent.")
    for source, vector in zip(request.inputs, result.vectors, strict=True):
        # Written so that a NaN, which compares false with everything, fails it.
        if not (len(vector) == result.dimension and abs(math.hypot(*vector) - 1.0) <= LENGTH_TOLERANCE):
            raise EndpointError("model_output_invalid", f"The embedding of '{source.id}' is no unit vector.")
