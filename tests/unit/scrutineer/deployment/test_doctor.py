"""The examination itself: order, what is skipped and why, and that no check stops another."""

from collections.abc import Iterator
from pathlib import Path

from scrutineer.deployment.account import CouldNotLook, NotSignedIn, Refused
from scrutineer.deployment.doctor import Check, Need, Phase, examine, healthy
from scrutineer.deployment.findings import Finding, Verdict, fail, ok
from scrutineer.deployment.subject import Subject
from scrutineer.errors import RequestFailed, UserError
from scrutineer.local.errors import TemplateInvalid
from tests.unit.scrutineer.deployment.projects import project, stack, subject

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}


def well(examined: Subject) -> Iterator[Finding]:
    yield ok("well", "well")


def raising(error: Exception) -> Check:
    def run(examined: Subject) -> Iterator[Finding]:
        yield ok("raising", "first")
        raise error

    return Check("raising", Phase.BOTH, Need.ACCOUNT, run)


def check(name: str, need: Need, phase: Phase = Phase.BOTH) -> Check:
    return Check(name, phase, need, well)


def test_a_check_that_can_not_look_stops_no_other(tmp_path: Path) -> None:
    errors = [
        CouldNotLook("needs ec2:DescribeVpcs"),
        Refused("Throttling", "Rate exceeded"),
        UserError("wrong"),
        TemplateInvalid("broken"),
        RequestFailed(500, {"code": "internal_error"}),
        KeyError("Surprise"),
    ]
    checks = (*map(raising, errors), check("last", Need.ACCOUNT))
    found = list(examine(checks, subject(project(tmp_path, TOPIC))))
    assert [(each.verdict, each.line) for each in found if each.line not in ("first", "well")] == [
        (Verdict.SKIPPED, "could not look: needs ec2:DescribeVpcs"),
        (Verdict.SKIPPED, "could not look: AWS answered Throttling: Rate exceeded"),
        (Verdict.FAIL, "wrong"),
        (Verdict.FAIL, "broken"),
        (Verdict.FAIL, "the gateway answered 500 internal_error: no detail was given"),
        (Verdict.FAIL, "this check is itself in error (KeyError: 'Surprise'); please report it"),
    ]
    assert found[-1] == ok("well", "well")


def test_without_credentials_the_account_is_asked_once(tmp_path: Path) -> None:
    checks = (raising(NotSignedIn("no credentials")), check("account", Need.ACCOUNT), check("files", Need.FILES))
    found = list(examine(checks, subject(project(tmp_path, TOPIC))))
    assert [(each.check, each.verdict.value) for each in found] == [
        ("raising", "ok"),
        ("raising", "fail"),
        ("account", "skipped"),
        ("well", "ok"),
    ]
    assert not healthy(found)


def test_offline_only_files_are_looked_at(tmp_path: Path) -> None:
    checks = tuple(check(need.name, need) for need in Need)
    asked = subject(project(tmp_path, TOPIC))
    found = list(examine(checks, asked, offline=True))
    assert [(each.check, each.line) for each in found] == [
        ("well", "well"),
        ("ACCOUNT", "could not look: offline"),
        ("STACK", "could not look: offline"),
        ("GATEWAY", "could not look: offline"),
    ]
    assert asked.account.asked == []  # type: ignore[attr-defined]
    assert healthy(found)


def test_before_and_after(tmp_path: Path) -> None:
    checks = tuple(check(phase.name, Need.FILES, phase) for phase in Phase)
    asked = subject(project(tmp_path, TOPIC))

    def looked_at(phase: Phase) -> list[str]:
        names: list[str] = []
        list(examine(checks, asked, phase=phase, looking=names.append))
        return names

    assert looked_at(Phase.BEFORE) == ["BEFORE", "BOTH"]
    assert looked_at(Phase.AFTER) == ["AFTER", "BOTH"]
    assert looked_at(Phase.BOTH) == ["BEFORE", "AFTER", "BOTH"]


def test_a_check_of_a_stack_or_a_gateway_that_is_not_there(tmp_path: Path) -> None:
    folder = project(tmp_path, TOPIC)
    there = list(examine((check("stack", Need.STACK),), subject(folder, stack())))
    assert there == [ok("well", "well")]
    found = list(examine((check("gateway", Need.GATEWAY),), subject(folder)))
    assert "SCRUTINEER_API_KEY" in found[0].line
    unhealthy = [fail("x", "y")]
    assert (healthy(found), healthy(unhealthy)) == (True, False)
