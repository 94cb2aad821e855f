"""What an administrator may send, and what is shown. No secret and no hash is in any of it, but `IssuedKey.key`, once.

What comes in has its own models with fewer fields and forbids all others, so no field of an answer can be assigned.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator

from admin.models import ChangeInput, Input, Output
from core.principal_records import IAM
from core.roles import Action, Role

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
PhotoMatchWindow = Annotated[
    int,
    Field(
        ge=1,
        le=90 * DAY_S,
        description="Seconds for which a photo of one parcel is recognised in another one's; null: never compared.",
    ),
]
Scopes = Annotated[
    list[Action], Field(min_length=1, max_length=len(Action), description="Narrows the role; null: all.")
]
# A change that leaves a field out leaves it as it is. The default is never used, so null is not a value of the field.
UNCHANGED: Any = Field(default=None)


class NewClient(Input):
    """`POST /v1/admin/clients`."""

    name: Name
    plan: PlanName
    retention_days: RetentionDays | None = None
    reuse_window_s: ReuseWindow | None = None
    photo_match_window_s: PhotoMatchWindow | None = None


class ClientChange(ChangeInput):
    """`PATCH` of a client."""

    name: Name = UNCHANGED
    plan: PlanName = UNCHANGED
    disabled: bool = UNCHANGED
    retention_days: RetentionDays | None = None
    reuse_window_s: ReuseWindow | None = None
    photo_match_window_s: PhotoMatchWindow | None = None


class Client(Output):
    client_id: str
    name: str
    plan: str
    disabled_at: datetime | None
    retention_days: int | None
    reuse_window_s: int | None
    photo_match_window_s: int | None
    erase_before: datetime | None = Field(description="Photos accepted before it are erased.")
    created_at: datetime
    updated_at: datetime | None


class ClientPage(Output):
    clients: list[Client]
    next_cursor: str | None


class NewKey(Input):
    """`POST` of a key."""

    name: Name
    role: Role
    scopes: Scopes | None = None
    expires_at: AwareDatetime | None = None


class KeyChange(ChangeInput):
    """`PATCH` of a key. Its role and scopes stay what they are: make another key."""

    name: Name = UNCHANGED
    expires_at: AwareDatetime | None = None


class Rotation(Input):
    """`POST …/rotate`: how long the old key works beside the new one."""

    overlap_s: int = Field(default=DAY_S, ge=0, le=LONGEST_OVERLAP_S)


class Key(Output):
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


class RotatedKey(Output):
    """The new key, and the old one with the moment at which it ends."""

    new: IssuedKey
    old: Key


class KeyPage(Output):
    keys: list[Key]
    next_cursor: str | None


class NewMember(Input):
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


class MemberChange(ChangeInput):
    """`PATCH` of a member."""

    name: Name = UNCHANGED
    role: Role = UNCHANGED


class Member(Output):
    member_id: str
    client_id: str
    name: str
    issuer: str
    subject: str
    role: Role
    created_at: datetime


class MemberPage(Output):
    members: list[Member]
    next_cursor: str | None


class PlanInput(Input):
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


class Plan(Output):
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


class PlanList(Output):
    plans: list[Plan]


class DryRun(Output):
    """What a change would do; nothing was changed."""

    dry_run: Literal[True] = True
    before: dict[str, Any] | None
    after: dict[str, Any] | None
