"""Typed settings from a mapping that is passed in; each stage's own are in `<stage>/settings.py`.

Nothing here reads the environment: a composition root hands it over, a test hands over a dictionary.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.hours import ServiceHours, service_hours


class InvalidSetting(Exception):
    """A setting is missing or malformed: the operator's mistake, told at the first use of the function."""


def text(env: Mapping[str, str], name: str) -> str:
    """A required setting."""
    try:
        return env[name]
    except KeyError:
        raise InvalidSetting(f"{name} is not set") from None


def number(env: Mapping[str, str], name: str, *, least: int = 0) -> int:
    """A required whole number, at least `least`."""
    value = text(env, name)
    if not value.isascii() or not value.isdigit() or int(value) < least:
        raise InvalidSetting(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def choice(env: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """A required setting with a closed list of values."""
    value = text(env, name)
    if value not in allowed:
        raise InvalidSetting(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def local_places(env: Mapping[str, str], name: str) -> frozenset[tuple[str, int]]:
    """`127.0.0.1:PORT` with commas between them: what may be asked over plain http on a machine of one's own.

    Required, and empty anywhere else.
    """
    places = set()
    for place in filter(None, text(env, name).split(",")):
        host, _, port = place.partition(":")
        if host != "127.0.0.1" or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise InvalidSetting(f"{name} must be empty or list 127.0.0.1:PORT, not {place!r}")
        places.add((host, int(port)))
    return frozenset(places)


def hours_setting(env: Mapping[str, str]) -> ServiceHours:
    """SERVICE_OPENS, SERVICE_CLOSES (`HH:MM`) and SERVICE_TIMEZONE, all required."""
    names = ("SERVICE_OPENS", "SERVICE_CLOSES", "SERVICE_TIMEZONE")
    try:
        return service_hours(*(text(env, name) for name in names))
    except ValueError as error:
        raise InvalidSetting(f"{', '.join(names)}: {error}") from error


@dataclass(frozen=True)
class DatabaseSettings:
    """Where MySQL is and how to sign in: `iam` through RDS Proxy (a signed token over TLS), or a password."""

    host: str
    port: int
    name: str
    user: str
    auth: str
    tls: bool
    password: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "DatabaseSettings":
        auth = choice(env, "DATABASE_AUTH", ("iam", "password"))
        return cls(
            host=text(env, "DATABASE_HOST"),
            port=number(env, "DATABASE_PORT", least=1),
            name=text(env, "DATABASE_NAME"),
            user=text(env, "DATABASE_USER"),
            auth=auth,
            tls=choice(env, "DATABASE_TLS", ("true", "false")) == "true",
            password=text(env, "DATABASE_PASSWORD") if auth == "password" else "",
        )


@dataclass(frozen=True)
class PhotoSettings:
    """From where photos may be fetched: buckets of one account, https addresses or not, and places for tests."""

    buckets: tuple[str, ...]
    buckets_owner: str
    https: bool
    local: frozenset[tuple[str, int]]

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "PhotoSettings":
        return cls(
            buckets=tuple(filter(None, text(env, "PHOTO_BUCKETS").split(","))),
            buckets_owner=text(env, "PHOTO_BUCKETS_OWNER"),
            https=choice(env, "HTTPS_PHOTOS", ("true", "false")) == "true",
            local=local_places(env, "OUTWARD_LOCAL"),
        )


@dataclass(frozen=True)
class WorkerSettings:
    """How long a worker may hold an inspection, how often one stage may try it, and who is told of its end."""

    lease_s: int
    max_attempts: int
    notify_queue_url: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "WorkerSettings":
        return cls(
            lease_s=number(env, "LEASE_S", least=1),
            max_attempts=number(env, "MAX_ATTEMPTS", least=1),
            notify_queue_url=text(env, "NOTIFY_QUEUE_URL"),
        )


@dataclass(frozen=True)
class HotReadSettings:
    """The DynamoDB table from which results are read while MySQL is away, and for how many days after their end."""

    table: str
    days: int

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "HotReadSettings | None":
        """None where hot reads are off."""
        days = number(env, "HOT_RESULTS_DAYS", least=1)
        table = text(env, "HOT_RESULTS_TABLE")
        return cls(table, days) if table else None


@dataclass(frozen=True)
class HoldingSettings:
    """The service hours, and whether what is on its way at closing time is held, or else drained."""

    hours: ServiceHours
    holds: bool

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "HoldingSettings":
        return cls(hours_setting(env), holds=choice(env, "CLOSING_TIME", ("drain", "hold")) == "hold")


@dataclass(frozen=True)
class EndpointSettings:
    """Any place that speaks `/invocations`: `sagemaker` or `asynchronous` with an endpoint's name, or `url` with an
    address.

    `component` is the inference component of the endpoint that is asked, empty where the endpoint has none.
    """

    kind: str
    address: str
    component: str = ""

    @classmethod
    def from_environment(cls, env: Mapping[str, str], name: str = "ENDPOINT") -> "EndpointSettings":
        """`sagemaker:NAME`, `sagemaker:NAME/COMPONENT`, `sagemaker-async:NAME` or `http(s)://…`."""
        found = cls.optional_from_environment(env, name)
        if found is None:
            raise InvalidSetting(f"{name} is empty")
        return found

    @classmethod
    def optional_from_environment(cls, env: Mapping[str, str], name: str) -> "EndpointSettings | None":
        """The same, or None where the setting is empty."""
        value = text(env, name)
        if found := re.fullmatch(r"sagemaker:([^/]+)(?:/([^/]+))?", value):
            return cls("sagemaker", found[1], found[2] or "")
        if found := re.fullmatch(r"sagemaker-async:([^/]+)", value):
            return cls("asynchronous", found[1])
        if value.startswith(("http://", "https://")):
            return cls("url", value)
        if value:
            raise InvalidSetting(
                f"{name} must be sagemaker:NAME, sagemaker:NAME/COMPONENT, sagemaker-async:NAME or an http(s) address,"
                f" not {value!r}"
            )
        return None
