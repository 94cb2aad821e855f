"""Endpoints and deliveries in types. No secret is in any of it, but `IssuedEndpoint.secret`, once."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from core.webhook_outbox import EVERYTHING, Event

DAY_S = 86_400
LONGEST_OVERLAP_S = 7 * DAY_S
# A change that leaves a field out leaves it as it is. The default is never used, so null is not a value of the field.
UNCHANGED: Any = Field(default=None)

EventName = Literal[
    "*",
    "inspection.passed",
    "inspection.failed",
    "inspection.review",
    "inspection.rejected",
    "inspection.error",
    "inspection.cancelled",
    "inspection.expired",
    "batch.finished",
]
Address = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2000,
        description="https on port 443 of a public host.",
        examples=["https://example.com/webhooks"],
    ),
]
Events = Annotated[
    list[EventName],
    Field(min_length=1, max_length=20, description=f"What it is told of; `{EVERYTHING}` is everything."),
]


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True, frozen=True)


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class NewEndpoint(_Input):
    """`POST /v1/webhooks`."""

    url: Address
    events: Events = Field(default=["*"])


class EndpointChange(_Input):
    """`PATCH` of an endpoint, at least one field."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"events": ["inspection.failed", "inspection.review"]}]})

    events: Events = UNCHANGED
    url: Address = UNCHANGED
    disabled: bool = UNCHANGED

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self


class SecretRotation(_Input):
    """`POST …/rotate`: how long messages are signed by the old secret as well."""

    overlap_s: int = Field(default=DAY_S, ge=0, le=LONGEST_OVERLAP_S)


class Replay(_Input):
    """`POST …/replay`: one delivery, or those of a span of time in which their messages came to be."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"since": "2026-01-01T00:00:00Z", "state": "dead"}]})

    since: AwareDatetime | None = Field(default=None, description="The first moment of the span.")
    until: AwareDatetime | None = Field(default=None, description="The moment that ends it; by default now.")
    state: Literal["delivered", "dead"] | None = Field(
        default=None, description="Of a span only these; by default both."
    )
    delivery_id: str | None = Field(default=None, min_length=1, max_length=40)

    @model_validator(mode="after")
    def _one_or_a_span(self) -> Self:
        if (self.delivery_id is None) == (self.since is None):
            raise ValueError("give either delivery_id or since")
        if self.delivery_id is not None and (self.until or self.state):
            raise ValueError("until and state go with since")
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise ValueError("until must be after since")
        return self


class Endpoint(_Output):
    endpoint_id: str
    url: str
    events: list[str]
    disabled_at: datetime | None
    disabled_why: str | None
    old_secret_until: datetime | None = Field(description="Until then messages have two signatures.")
    created_at: datetime
    updated_at: datetime


class IssuedEndpoint(Endpoint):
    """An endpoint with its secret, shown this once."""

    secret: str


class EndpointList(_Output):
    endpoints: list[Endpoint]


class Delivery(_Output):
    """One message to one endpoint. `message_id` is its `webhook-id`: a replay's is that of the first delivery."""

    delivery_id: str
    message_id: str
    event: Event
    inspection_id: str | None
    batch_id: str | None
    replay_of: str | None
    state: DeliveryState
    attempts: int
    next_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime
    updated_at: datetime


class DeliveryPage(_Output):
    """Newest first; `next_cursor` is None on the last page."""

    deliveries: list[Delivery]
    next_cursor: str | None


class Replayed(_Output):
    """How many deliveries were made. `more`: the span has more than one request replays; `next_since` goes on."""

    replayed: int
    more: bool
    next_since: datetime | None
