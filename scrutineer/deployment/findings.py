"""What the doctor found: a verdict, one line, and the command that mends it."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"
    """Not looked at, and the line says why."""


@dataclass(frozen=True)
class Finding:
    """`check` is the name of what was looked at, `mend` a command or None where there is nothing to mend."""

    check: str
    verdict: Verdict
    line: str
    mend: str | None = None


def ok(check: str, line: str) -> Finding:
    return Finding(check, Verdict.OK, line)


def warn(check: str, line: str, mend: str | None = None) -> Finding:
    return Finding(check, Verdict.WARN, line, mend)


def fail(check: str, line: str, mend: str | None = None) -> Finding:
    return Finding(check, Verdict.FAIL, line, mend)


def skipped(check: str, line: str, mend: str | None = None) -> Finding:
    return Finding(check, Verdict.SKIPPED, line, mend)
