"""The examination: every check that fits the moment, in order, none of which can stop the others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from scrutineer.deployment.account import CouldNotLook, NotSignedIn
from scrutineer.deployment.findings import Finding, Verdict, fail, skipped
from scrutineer.deployment.subject import Subject
from scrutineer.errors import RequestFailed, UserError
from scrutineer.local.errors import LocalStackError


class Need(Enum):
    """Without what a check can say nothing."""

    FILES = auto()
    """The files of this folder are enough."""
    ACCOUNT = auto()
    STACK = auto()
    """The account, with the stack in it."""
    GATEWAY = auto()
    """An address and an admin's key."""


class Phase(Enum):
    BEFORE = auto()
    AFTER = auto()
    BOTH = auto()


@dataclass(frozen=True)
class Check:
    """`run` yields what it finds; it may raise CouldNotLook, UserError or LocalStackError."""

    name: str
    phase: Phase
    need: Need
    run: Callable[[Subject], Iterator[Finding]]


def examine(
    checks: tuple[Check, ...],
    subject: Subject,
    *,
    phase: Phase = Phase.BOTH,
    offline: bool = False,
    looking: Callable[[str], None] = lambda name: None,
) -> Iterator[Finding]:
    """Findings in the checks' order; `looking` hears what is looked at. What could not be looked at is a finding."""
    no_account: str | None = "offline" if offline else None
    for check in checks:
        if Phase.BOTH not in (phase, check.phase) and check.phase is not phase:
            continue
        if check.need in (Need.ACCOUNT, Need.STACK) and no_account:
            yield skipped(check.name, f"could not look: {no_account}")
            continue
        looking(check.name)
        try:
            if reason := _missing(check, subject, offline=offline):
                yield skipped(check.name, reason)
                continue
            yield from check.run(subject)
        except NotSignedIn as error:
            no_account = str(error)
            yield fail(check.name, f"could not look: {error}", "aws configure sso   # or: aws configure")
        except CouldNotLook as error:
            yield skipped(check.name, f"could not look: {error}")
        except RequestFailed as error:
            yield fail(check.name, f"the gateway answered {error}")
        except (UserError, LocalStackError) as error:
            yield fail(check.name, str(error))
        except Exception as error:  # the edge of one check: what AWS answers may surprise it, and the others go on
            yield fail(check.name, f"this check is itself in error ({type(error).__name__}: {error}); please report it")


def _missing(check: Check, subject: Subject, *, offline: bool) -> str | None:
    """What the check needs and has not got."""
    if check.need is Need.GATEWAY:
        if offline:
            return "could not look: offline"
        if subject.gateway is None:
            return "could not look: needs SCRUTINEER_URL and SCRUTINEER_API_KEY of an admin"
    if check.need is Need.STACK and subject.stack is None:
        return f"there is no stack {subject.environment.stack}"
    return None


def healthy(findings: list[Finding]) -> bool:
    return not any(finding.verdict is Verdict.FAIL for finding in findings)
