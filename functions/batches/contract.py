"""`/v1/batches` in types: what a client may send, what it gets back."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.batches import BatchState
from core.states import State

SAMPLE_LINE = (
    '{"checklist": "reverse-pickup", "item": {"description": "red shoe, size 42"}, "custom_id": "AWB-1",'
    ' "photos": [{"data": "/9j/4AAQ…"}]}'
)
ItemState = State | Literal["refused"]


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class ManifestInput(BaseModel):
    """`POST /v1/batches`."""

    model_config = ConfigDict(extra="forbid", defer_build=True, frozen=True)

    manifest: str | None = Field(
        default=None,
        min_length=1,
        description="JSON Lines: on each line an inspection as `POST /v1/inspections` takes it, and `custom_id` where "
        "you want to find it again by your own name. At most 10,000 lines.",
        examples=[SAMPLE_LINE],
    )
    upload_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Instead of `manifest`: of `POST /v1/uploads` with the media type application/jsonl, once it is "
        "there.",
    )
    url: str | None = Field(
        default=None,
        min_length=1,
        max_length=2000,
        description="Instead of `manifest`: `s3://bucket/key` of a bucket that this service may read.",
    )
    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _one_manifest(self) -> "ManifestInput":
        if sum(given is not None for given in (self.manifest, self.upload_id, self.url)) != 1:
            raise ValueError("give one of manifest, upload_id and url")
        return self


class BatchCounts(_Output):
    """Lines of the manifest, by what has become of them so far."""

    lines: int
    read: int
    refused: int = Field(description="Lines that became no inspection; the items say why.")
    unfinished: int = Field(description="Inspections that are not final yet.")
    final: int = Field(description="Inspections that are final.")
    by_state: dict[State, int] = Field(description="Inspections by their state; states without any are left out.")


class Batch(_Output):
    """A batch as its client sees it, at any moment of its life."""

    id: str
    name: str | None
    state: BatchState
    counts: BatchCounts
    progress: float = Field(description="Share of the lines that are done with, from 0 to 1.")
    created_at: datetime
    finished_at: datetime | None = Field(description="Since when nothing will change any more and results are there.")


class BatchPage(_Output):
    """`GET /v1/batches`, newest first; `next_cursor` is None on the last page."""

    batches: list[Batch]
    next_cursor: str | None


class BatchItem(_Output):
    """One line. `code` and `detail`: why it became no inspection, or why its inspection ended without a verdict."""

    line: int
    custom_id: str | None
    inspection_id: str | None
    state: ItemState
    code: str | None
    detail: str | None


class BatchItemPage(_Output):
    """`GET /v1/batches/{batch_id}/items`, in the manifest's order; `next_cursor` is None on the last page."""

    items: list[BatchItem]
    next_cursor: str | None


class BatchResults(_Output):
    """Links that need no key, to be kept as safe as one."""

    jsonl: str
    csv: str
    expires_in_s: int
