"""What an administrator may send, and what is shown. No secret and no hash is in any of it, but `IssuedKey.key`, once.

What comes in has its own models with fewer fields and forbids all others, so no field of an answer can be assigned.
"""

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from core.principal_records import IAM
from core.roles import Action, Role
from core.states import State

DAY_S = 86_400
LONGEST_OVERLAP_S = 30 * DAY_S
PLAN_NAME = r"^[a-z][a-z0-9-]{0,39}$"
ARN = re.compile(r"arn:aws[a-z-]*:(iam::\d{12}:(role|user)|sts::\d{12}:assumed-role)/[!-~]+")

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
PlanName = Annotated[str, Field(pattern=PLAN_NAME, examples=["standard"])]
RetentionDays = Annotated[int, Field(ge=1, le=3650, description="Days that photos are kept; null: as the bucket does.")]
ReuseWindow = Annotated[
    int,
    Field(ge=1, le=30 * DAY_S, description="Seconds for which a verdict on the same content is reused; null: never."),
]
Scopes = Annotated[
    list[Action], Field(min_length=1, max_length=len(Action), description="Narrows the role; null: all.")
]
# A change that leaves a field out leaves it as it is. The default is never used, so null is not a value of the field.
UNCHANGED: Any = Field(default=None)


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True, frozen=True)


class _Change(_Input):
    """At least one field; `model_fields_set` says which."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class NewClient(_Input):
    """`POST /v1/admin/clients`."""

    name: Name
    plan: PlanName
    retention_days: RetentionDays | None = None
    reuse_window_s: ReuseWindow | None = None


class ClientChange(_Change):
    """`PATCH` of a client."""

    name: Name = UNCHANGED
    plan: PlanName = UNCHANGED
    disabled: bool = UNCHANGED
    retention_days: RetentionDays | None = None
    reuse_window_s: ReuseWindow | None = None


class Client(_Output):
    client_id: str
    name: str
    plan: str
    disabled_at: datetime | None
    retention_days: int | None
    reuse_window_s: int | None
    erase_before: datetime | None = Field(description="Photos accepted before it are erased.")
    created_at: datetime
    updated_at: datetime | None


class ClientPage(_Output):
    clients: list[Client]
    next_cursor: str | None


class NewKey(_Input):
    """`POST` of a key."""

    name: Name
    role: Role
    scopes: Scopes | None = None
    expires_at: AwareDatetime | None = None


class KeyChange(_Change):
    """`PATCH` of a key. Its role and scopes stay what they are: make another key."""

    name: Name = UNCHANGED
    expires_at: AwareDatetime | None = None


class Rotation(_Input):
    """`POST …/rotate`: how long the old key works beside the new one."""

    overlap_s: int = Field(default=DAY_S, ge=0, le=LONGEST_OVERLAP_S)


class Key(_Output):
    """A key without its secret; `hint` is how the secret begins."""

    key_id: str
    client_id: str
    name: str
    hint: str
    role: Role
    scopes: list[Action] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = Field(description="From then on the key is refused; it may lie ahead.")
    last_used_at: datetime | None
    replaces_key_id: str | None


class IssuedKey(Key):
    """A key that was made a moment ago: `key` is shown here and never again."""

    key: str


class RotatedKey(_Output):
    """The new key, and the old one with the moment at which it ends."""

    new: IssuedKey
    old: Key


class KeyPage(_Output):
    keys: list[Key]
    next_cursor: str | None


class NewMember(_Input):
    """A person by issuer and subject of their JWTs, or a machine: issuer `iam`, subject the ARN of a role or user."""

    name: Name
    issuer: Annotated[str, Field(max_length=255, pattern=r"^(iam|https://[!-~]+)$", examples=["https://id.example/"])]
    subject: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]+$")]
    role: Role

    @field_validator("subject")
    @classmethod
    def _names_an_identity(cls, subject: str, info: ValidationInfo) -> str:
        if info.data.get("issuer") == IAM and not ARN.fullmatch(subject):
            raise ValueError("with issuer iam, the ARN of an IAM role or user")
        return subject


class MemberChange(_Change):
    """`PATCH` of a member."""

    name: Name = UNCHANGED
    role: Role = UNCHANGED


class Member(_Output):
    member_id: str
    client_id: str
    name: str
    issuer: str
    subject: str
    role: Role
    created_at: datetime


class MemberPage(_Output):
    members: list[Member]
    next_cursor: str | None


class PlanInput(_Input):
    """`PUT` of a plan: all of it, so that no limit goes because it was left out. Null: without this limit."""

    rate_per_s: int = Field(ge=1, le=10_000, description="Requests a second; API Gateway keeps to it.")
    burst: int = Field(ge=1, le=5_000, description="Requests at once above the rate.")
    quota_day: Annotated[int, Field(ge=1, le=1_000_000_000)] | None
    quota_month: Annotated[int, Field(ge=1, le=1_000_000_000)] | None
    concurrent: Annotated[int, Field(ge=1, le=1_000_000)] | None
    tasks: Annotated[list[Literal["inspect", "embed", "describe"]], Field(min_length=1, max_length=3)]
    max_photos: int = Field(ge=1, le=20)
    default_wait_s: int = Field(ge=0, le=25)
    max_wait_s: int = Field(ge=0, le=25)

    @field_validator("tasks")
    @classmethod
    def _once_each(cls, tasks: list[str]) -> list[str]:
        if len(set(tasks)) != len(tasks):
            raise ValueError("each task once")
        return tasks

    @field_validator("max_wait_s")
    @classmethod
    def _not_under_the_default(cls, max_wait_s: int, info: ValidationInfo) -> int:
        if max_wait_s < info.data.get("default_wait_s", 0):
            raise ValueError("at least default_wait_s")
        return max_wait_s


class Plan(_Output):
    plan: str
    rate_per_s: int
    burst: int
    quota_day: int | None
    quota_month: int | None
    concurrent: int | None
    tasks: list[str]
    max_photos: int
    default_wait_s: int
    max_wait_s: int
    created_at: datetime
    updated_at: datetime


class PlanList(_Output):
    plans: list[Plan]


class UsageDay(_Output):
    """Inspections, embeddings or descriptions by the day on which they were accepted, UTC."""

    day: date
    task: str
    accepted: int
    refunded: int


class Usage(_Output):
    """What counts towards the limits at this moment, and the history behind it."""

    client_id: str
    today: int
    this_month: int
    running: int
    days: list[UsageDay]


class Limit(_Output):
    name: str
    most: int
    used: int
    left: int
    resets_in_s: int | None


class Me(_Output):
    """`GET /v1/me`: who asks, and what is left of the plan."""

    client_id: str
    actor: str
    role: Role
    scopes: list[Action]
    plan: str
    tasks: list[str]
    max_photos: int
    default_wait_s: int
    max_wait_s: int
    rate_per_s: int
    burst: int
    limits: list[Limit]


class RoleRights(_Output):
    role: Role
    actions: list[Action]
    across_clients: bool
    may_grant: list[Role]


class Roles(_Output):
    roles: list[RoleRights]


class AuditLine(_Output):
    """Who changed what, when, from where; `before` and `after` show the thing as the API does."""

    at: datetime
    actor: str
    actor_role: str
    client_id: str | None
    action: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    source_ip: str | None = Field(description="Null to a client where an administrator of the installation acted.")
    request_id: str


class AuditPage(_Output):
    """Newest first."""

    lines: list[AuditLine]
    next_cursor: str | None


class GatewayDifference(_Output):
    record: str
    problem: str


class GatewayState(_Output):
    """How API Gateway's keys and usage plans differ from our clients and plans."""

    in_step: bool
    differences: list[GatewayDifference]


class GatewayMended(_Output):
    mended: list[GatewayDifference]
    left: list[GatewayDifference]


class StageName(StrEnum):
    """A stage that takes messages from a queue."""

    PRECHECK = "precheck"
    INVOKE = "invoke"
    FORMAT = "format"


class DeadLetter(_Output):
    """A message that a stage gave up. `receives` counts those of whoever looked at it here, too."""

    message_id: str
    stage: StageName
    inspection_id: str | None = Field(description="Null where the message is none of ours; its body is never shown.")
    client_id: str | None
    state: State | None = Field(description="Of the inspection, now.")
    receives: int
    first_sent_at: datetime
    why: str


class QueueDepth(_Output):
    stage: StageName
    waiting: int = Field(description="About how many dead letters there are.")


class DeadLetters(_Output):
    """`GET /v1/admin/dead-letters`: a look, not a page. SQS tells neither order nor all of them at once."""

    queues: list[QueueDepth]
    dead_letters: list[DeadLetter]


class Redrive(_Input):
    """`POST /v1/admin/dead-letters/redrive`: one, or all of the stage."""

    stage: StageName
    message_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class Redriven(_Output):
    """What was sent again, what stayed because it names no inspection, and whether to ask once more."""

    stage: StageName
    inspection_ids: list[str]
    kept: int
    more: bool


class DryRun(_Output):
    """What a change would do; nothing was changed."""

    dry_run: Literal[True] = True
    before: dict[str, Any] | None
    after: dict[str, Any] | None
