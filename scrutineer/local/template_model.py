"""What the local stack needs to know of a template: plain frozen data, with every intrinsic already resolved."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REGION = "eu-west-1"
ACCOUNT = "000000000000"


@dataclass(frozen=True)
class FunctionSpec:
    """`arn` is what invokes it: its alias where it has one, which is then an alias of `version`."""

    logical_id: str
    name: str
    arn: str
    handler: str
    code_dir: Path
    timeout_s: float
    memory_mb: int
    environment: Mapping[str, str]
    reserved_concurrency: int | None
    role: str
    statements: tuple[Mapping[str, Any], ...]
    """What `role` allows and denies: the statements of all its policies."""
    async_retries: int = 2
    async_max_age_s: int = 6 * 3600
    version: str = "$LATEST"


@dataclass(frozen=True)
class IdentitySource:
    """`kind` is header, querystring, stageVariables or context."""

    kind: str
    name: str


@dataclass(frozen=True)
class AuthorizerSpec:
    name: str
    function: str
    identity_sources: tuple[IdentitySource, ...]
    ttl_s: int


@dataclass(frozen=True)
class RouteSpec:
    """`path` as in OpenAPI: `/v1/inspections/{inspection_id}`, or with a last greedy part, `/{proxy+}`.

    `signed` is AWS_IAM: the caller signs with an access key, and no authorizer is asked.
    """

    path: str
    method: str
    function: str
    authorizer: str | None
    api_key_required: bool
    timeout_s: float
    signed: bool = False


@dataclass(frozen=True)
class GatewayResponseSpec:
    status: int | None
    headers: Mapping[str, str]
    templates: Mapping[str, str]


@dataclass(frozen=True)
class UsagePlanSpec:
    """Rates are requests a second; `quota_limit` requests a `quota_period` (DAY, WEEK or MONTH)."""

    logical_id: str
    rate_per_s: float | None
    burst: int | None
    quota_limit: int | None
    quota_period: str | None
    keys: Mapping[str, str]


@dataclass(frozen=True)
class ApiSpec:
    """`key_source` is HEADER or AUTHORIZER; `rate_per_s` and `burst` are the stage's own throttle."""

    logical_id: str
    api_id: str
    stage: str
    routes: tuple[RouteSpec, ...]
    authorizers: Mapping[str, AuthorizerSpec]
    responses: Mapping[str, GatewayResponseSpec]
    key_source: str
    binary_media_types: tuple[str, ...]
    stage_variables: Mapping[str, str]
    plans: tuple[UsagePlanSpec, ...]
    rate_per_s: float | None
    burst: int | None


@dataclass(frozen=True)
class QueueSpec:
    logical_id: str
    name: str
    url: str
    arn: str
    visibility_timeout_s: int
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class EventSourceSpec:
    logical_id: str
    function: str
    queue: str
    batch_size: int
    window_s: int
    max_concurrency: int | None
    report_failures: bool
    enabled: bool


@dataclass(frozen=True)
class ScheduleSpec:
    logical_id: str
    arn: str
    function: str
    expression: str
    timezone: str
    input: str | None
    enabled: bool
    kind: str
    """`rule` (EventBridge rule) or `schedule` (EventBridge Scheduler): they send different events."""


@dataclass(frozen=True)
class BucketSpec:
    """`cors` is what PutBucketCors takes as CORSRules."""

    logical_id: str
    name: str
    versioned: bool = False
    cors: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class TableSpec:
    """A DynamoDB table; `definition` is what CreateTable takes besides the name, `ttl_attribute` None without TTL."""

    logical_id: str
    name: str
    definition: Mapping[str, Any]
    ttl_attribute: str | None


@dataclass(frozen=True)
class SecretSpec:
    logical_id: str
    name: str
    value: str


@dataclass(frozen=True)
class ParameterSpec:
    logical_id: str
    name: str
    value: str


@dataclass(frozen=True)
class Template:
    functions: Mapping[str, FunctionSpec]
    apis: Mapping[str, ApiSpec]
    queues: Mapping[str, QueueSpec]
    event_sources: tuple[EventSourceSpec, ...]
    schedules: tuple[ScheduleSpec, ...]
    buckets: Mapping[str, BucketSpec]
    tables: Mapping[str, TableSpec]
    secrets: tuple[SecretSpec, ...]
    parameters: tuple[ParameterSpec, ...]
    keys: Mapping[str, str]
    """The KMS key of each bucket, queue and table that has one, both as ARNs."""
