"""Options whose values are more than a word: a number or none, a time that something takes, a day."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import typer

from scrutineer.errors import UserError

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class Maybe:
    """A number, or expressly none: an option that is not given is something else."""

    number: int | None


def maybe(text: str) -> Maybe:
    """`100` or `none`."""
    if text == "none":
        return Maybe(None)
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise typer.BadParameter(f"{text!r} is neither a whole number nor none.")
    return Maybe(int(text))


def maybe_duration(text: str) -> Maybe:
    """`90s`, `30m`, `24h`, `7d` or `none`, in seconds."""
    return Maybe(None if text == "none" else duration(text).seconds)


@dataclass(frozen=True)
class Duration:
    seconds: int


def duration(text: str) -> Duration:
    """`90s`, `30m`, `24h` or `7d`."""
    found = re.fullmatch(r"([0-9]{1,7})([smhd])", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time such as 90s, 30m, 24h or 7d.")
    return Duration(int(found[1]) * SECONDS[found[2]])


def expiry(after: Duration | None, now: datetime | None = None) -> str | None:
    """The time that lies so far ahead, as the API takes it: `2026-11-21T09:30:00Z`."""
    if after is None:
        return None
    return ((now or datetime.now(UTC)) + timedelta(seconds=after.seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    """`name=value` each, as they are given for `option`. Raises UserError for another shape, or a name given twice."""
    found: dict[str, str] = {}
    for text in texts or []:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise UserError(f"{option} {text!r}: it must be name=value.")
        if name in found:
            raise UserError(f"{option} {name}: it is given twice.")
        found[name] = value
    return found


def given(**values: Any) -> dict[str, Any]:
    """The fields that were given, as the API takes them."""
    return {
        name: value.number if isinstance(value, Maybe) else value for name, value in values.items() if value is not None
    }
