"""The gateway's API in types: what a client may send, what it gets back.

Whatever comes in forbids unknown fields, so a response field sent back in is an error and never an assignment.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from core.lanes import Lane
from core.states import State

MAX_PHOTOS = 20
MAX_ATTRIBUTE_CHARACTERS = 1500  # every one of them is a part of the model's prompt
DAY_S = 86_400
LONGEST_LIFE_S = 3 * DAY_S  # photos are kept for at least 7 days, messages for 4
MAX_INLINE_CHARACTERS = 6_000_000  # Lambda takes 6 MB a request; the body's own limit is met before this one


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True, frozen=True)


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


ShortText = Annotated[str, Field(min_length=1, max_length=100)]


class Item(_Input):
    """What was ordered. The text reaches the model as data in a delimited field."""

    description: str = Field(min_length=1, max_length=500, pattern=r"\S", examples=["red shoe, size 42"])
    sku: ShortText | None = None
    attributes: dict[ShortText, Annotated[str, Field(max_length=200)]] = Field(default_factory=dict, max_length=20)

    @field_validator("attributes")
    @classmethod
    def _within_a_prompt(cls, attributes: dict[str, str]) -> dict[str, str]:
        if sum(len(name) + len(value) for name, value in attributes.items()) > MAX_ATTRIBUTE_CHARACTERS:
            raise ValueError(f"attributes may have {MAX_ATTRIBUTE_CHARACTERS} characters together")
        return attributes


class InlinePhoto(_Input):
    """One photo, inline."""

    data: str = Field(
        min_length=1, max_length=MAX_INLINE_CHARACTERS, description="JPEG, PNG, WebP or HEIC, in standard base64."
    )
    name: ShortText | None = Field(default=None, description="Shown again beside the photo's quality.")


class PhotoInput(_Input):
    """One photo: exactly one of `data`, `upload_id` and `url`."""

    data: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_INLINE_CHARACTERS,
        description="JPEG, PNG, WebP or HEIC, in standard base64.",
    )
    upload_id: str | None = Field(
        default=None, min_length=1, max_length=100, description="Of `POST /v1/uploads`, once the photo is there."
    )
    url: str | None = Field(
        default=None,
        min_length=1,
        max_length=2000,
        description="`https://…` of a public host, or `s3://bucket/key` of a bucket that this service may read. It is "
        "read before the request is answered.",
    )
    name: ShortText | None = Field(default=None, description="Shown again beside the photo's quality.")

    @field_validator("upload_id", "url")
    @classmethod
    def _alone(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and any(info.data.get(other) is not None for other in ("data", "upload_id")):
            raise ValueError("give one of data, upload_id and url")
        return value

    @model_validator(mode="after")
    def _somewhere(self) -> "PhotoInput":
        if self.data is None and self.upload_id is None and self.url is None:
            raise ValueError("give one of data, upload_id and url")
        return self


class InspectionInput(_Input):
    """`POST /v1/inspections`."""

    checklist: Annotated[str, Field(min_length=1, max_length=64, examples=["reverse-pickup"])]
    item: Item
    photos: Annotated[list[PhotoInput], Field(min_length=1, max_length=MAX_PHOTOS)]
    reference: ShortText | None = Field(default=None, description="The client's own name for it, such as a waybill.")
    lane: Lane = Field(
        default=Lane.INTERACTIVE,
        description="`bulk` is for work that nobody waits for; it never delays interactive work.",
    )
    expires_in_s: int = Field(
        default=DAY_S,
        ge=10,
        le=LONGEST_LIFE_S,
        description="Seconds to live: what is not final by then ends as `expired`, and its unit is given back.",
    )


UploadType = Literal["image/jpeg", "image/png", "image/webp", "image/heic", "application/jsonl"]


class UploadsInput(_Input):
    """`POST /v1/uploads`."""

    count: int = Field(ge=1, le=MAX_PHOTOS, description="How many photos there are.", examples=[3])
    media_types: list[UploadType] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_PHOTOS,
        description="One a photo, in order; without it all are JPEG. A batch's manifest is application/jsonl.",
    )

    @model_validator(mode="after")
    def _one_each(self) -> "UploadsInput":
        if self.media_types is not None and len(self.media_types) != self.count:
            raise ValueError("media_types must have one for each of count")
        return self


class Upload(_Output):
    """Where one photo is to be posted: a form with `fields` in this order and then the file as `file`."""

    upload_id: str
    url: str
    fields: dict[str, str]
    media_type: UploadType
    max_bytes: int
    expires_at: datetime


class Uploads(_Output):
    uploads: list[Upload]


CheckName = Literal["readable", "resolution", "sharpness", "brightness", "exposure", "contrast", "tilt", "duplicate"]


class QualityCheck(_Output):
    """One property of one photo against its threshold."""

    name: CheckName
    value: float
    threshold: float
    passed: bool


class PhotoQuality(_Output):
    """What the pre-check found; `score` runs from 0 (worst) to 1, and 0.5 is the threshold."""

    score: float
    verdict: Literal["usable", "retake"]
    checks: list[QualityCheck]
    hint: str | None = Field(description="What to do differently when the photo is taken again.")


class Photo(_Output):
    """One photo of an inspection; sizes are in pixels, upright."""

    index: int
    name: str | None = None
    sha256: str
    size_bytes: int
    media_type: str
    width: int | None = None
    height: int | None = None
    prepared_bytes: int | None = None
    quality: PhotoQuality | None = None


class Answer(_Output):
    """The model's answer to one question and what the checklist makes of it."""

    question_id: str
    text: str
    answer: str
    probability: float
    probabilities: dict[str, float]
    expected: str | None
    outcome: Literal["met", "not_met", "unsure", "recorded"]


class ModelName(_Output):
    name: str
    version: str
    digest: str


class Verdict(_Output):
    """Passed, failed or review, and why."""

    outcome: Literal["passed", "failed", "review"]
    reasons: list[str]
    answers: list[Answer]
    model: ModelName
    served_by: str
    usage: dict[str, int]


class Failure(_Output):
    """Why an inspection ended without a verdict."""

    code: str
    detail: str


class ChecklistName(_Output):
    name: str
    version: int


class Inspection(_Output):
    """An inspection as its client sees it, at any moment of its life."""

    id: str
    state: State
    final: bool
    lane: Lane
    checklist: ChecklistName
    item: Item
    reference: str | None
    photos: list[Photo]
    verdict: Verdict | None
    failure: Failure | None
    accepted_at: datetime
    expires_at: datetime | None = Field(description="When it ends as `expired` unless it is final.")
    estimated_start_at: datetime | None = Field(
        default=None,
        description="About when the model begins with it, while it waits its turn: from the time the last ones took and"
        " what stands before it. Not in lists.",
    )
    held_until: datetime | None = Field(
        default=None, description="Accepted outside the service hours: nothing is done before then."
    )
    finished_at: datetime | None
    reused_from: str | None = Field(
        default=None, description="The inspection whose verdict this one took, without asking the model again."
    )
    photos_deleted_at: datetime | None = Field(default=None, description="Since when the photos are gone for good.")
    timings_ms: dict[str, float] = Field(description="Milliseconds from accepting: by stage, and the endpoint's own.")


class InspectionPage(_Output):
    """`GET /v1/inspections`, newest first; `next_cursor` is None on the last page."""

    inspections: list[Inspection]
    next_cursor: str | None


class InspectionEvent(_Output):
    """A state that an inspection reached."""

    id: int = Field(description="1 is the first; the stream's `id` and `Last-Event-ID`.")
    state: State
    final: bool
    code: str | None = Field(description="Why it ended without a verdict.")
    at: datetime


class InspectionEvents(_Output):
    """`GET /v1/inspections/{inspection_id}/events`, oldest first: one a state at most, so there are no pages."""

    events: list[InspectionEvent]


class ServiceState(_Output):
    """`GET /v1/service`."""

    open: bool
    opens: str = Field(description="Local time, HH:MM; the same as `closes`, or 00:00 to 24:00, is always open.")
    closes: str
    timezone: str
    opens_at: datetime | None = Field(description="The next opening; none where it is always open.")
    closes_at: datetime | None
    held: int = Field(description="The client's inspections that wait for it; an admin sees everybody's.")


class Problem(BaseModel):
    """RFC 9457 problem details, the shape of every error."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | None = None
    errors: list[dict[str, str]] | None = None
    request_id: str | None = None
