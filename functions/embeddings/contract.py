"""What a client sends to have embedded, and what comes back."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.contract import InlinePhoto, ModelName

MOST_INPUTS, MOST_PHOTOS = 64, 20

Text = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S", examples=["a red shoe"])]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True, frozen=True)


class TextsInput(_Input):
    """`POST /v1/embeddings/text`."""

    texts: Annotated[list[Text], Field(min_length=1, max_length=MOST_INPUTS)]


class PhotosInput(_Input):
    """`POST /v1/embeddings/image`."""

    photos: Annotated[list[InlinePhoto], Field(min_length=1, max_length=MOST_PHOTOS)]


class OneInput(_Input):
    """A text or a photo."""

    text: Text | None = None
    photo: InlinePhoto | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "OneInput":
        if (self.text is None) == (self.photo is None):
            raise ValueError("give either text or photo")
        return self


class BatchInput(_Input):
    """`POST /v1/embeddings/batch`: both kinds, in any mixture."""

    inputs: Annotated[list[OneInput], Field(min_length=1, max_length=MOST_INPUTS)]

    @model_validator(mode="after")
    def _few_photos(self) -> "BatchInput":
        if sum(each.photo is not None for each in self.inputs) > MOST_PHOTOS:
            raise ValueError(f"at most {MOST_PHOTOS} of them may be photos")
        return self


class Embeddings(BaseModel):
    """Vectors of length 1 in the order of what was sent: their dot product is the cosine of two inputs."""

    model_config = ConfigDict(extra="ignore", defer_build=True, protected_namespaces=())

    embeddings: list[list[float]]
    dimension: int
    model: ModelName
    served_by: str
    usage: dict[str, int] = Field(default_factory=dict)
    timings_ms: dict[str, float] = Field(default_factory=dict)
