"""What is only read: use, oneself, roles, the audit log, and how API Gateway's records stand."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from admin.models import Output
from core.roles import Action, Role


class UsageDay(Output):
    """Inspections, embeddings or descriptions by the day on which they were accepted, UTC."""

    day: date
    task: str
    accepted: int
    refunded: int


class Usage(Output):
    """What counts towards the limits at this moment, and the history behind it."""

    client_id: str
    today: int
    this_month: int
    running: int
    days: list[UsageDay]


class Limit(Output):
    name: str
    most: int
    used: int
    left: int
    resets_in_s: int | None


class Me(Output):
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


class RoleRights(Output):
    role: Role
    actions: list[Action]
    across_clients: bool
    may_grant: list[Role]


class Roles(Output):
    roles: list[RoleRights]


class AuditLine(Output):
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


class AuditPage(Output):
    """Newest first."""

    lines: list[AuditLine]
    next_cursor: str | None


class GatewayDifference(Output):
    record: str
    problem: str


class GatewayState(Output):
    """How API Gateway's keys and usage plans differ from our clients and plans."""

    in_step: bool
    differences: list[GatewayDifference]


class GatewayMended(Output):
    mended: list[GatewayDifference]
    left: list[GatewayDifference]
