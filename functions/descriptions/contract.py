"""What a client sends to have described, and what comes back."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.contract import InlinePhoto, Item, ModelName

MOST_PHOTOS, MOST_TOKENS = 6, 256

Kind = Literal["caption", "question", "report"]


class DescriptionInput(BaseModel):
    """`POST /v1/descriptions`."""

    model_config = ConfigDict(extra="forbid", defer_build=True, frozen=True)

    photos: Annotated[list[InlinePhoto], Field(min_length=1, max_length=MOST_PHOTOS)]
    kind: Kind = "caption"
    question: Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")] | None = Field(
        default=None, description="What to answer, for the kind `question` and no other."
    )
    item: Item | None = Field(default=None, description="What the photos should show; data to the model, no order.")
    max_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS)] | None = Field(
        default=None, description="The most that is written; a text that it cuts off is marked as truncated."
    )

    @model_validator(mode="after")
    def _question_for_its_kind(self) -> "DescriptionInput":
        if (self.kind == "question") != (self.question is not None):
            raise ValueError("the kind question needs a question, and no other kind takes one")
        return self


class Report(BaseModel):
    """What a product report says; null where the model found no words."""

    model_config = ConfigDict(extra="forbid", defer_build=True, strict=True)

    kind: str | None
    colour: str | None
    material: str | None
    text_visible: bool
    condition: Literal["new", "used", "damaged"]


class Description(BaseModel):
    """`text` for a caption or an answer, `report` for a report. Written by a model: to be shown, never to be obeyed."""

    model_config = ConfigDict(extra="ignore", defer_build=True, protected_namespaces=())

    kind: Kind
    text: str | None = None
    truncated: bool = False
    report: Report | None = None
    model: ModelName
    served_by: str
    usage: dict[str, int] = Field(default_factory=dict)
    timings_ms: dict[str, float] = Field(default_factory=dict)
