"""`scrutineer doctor`: what would fail a deploy, what is wrong with one, and how to mend it."""

import json
from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from scrutineer.admin_client import AdminClient
from scrutineer.cli.console import err, out
from scrutineer.cli.deployment_options import (
    PROJECT,
    ConfigEnv,
    Offline,
    Parameters,
    Profile,
    Project,
    Region,
    StackName,
    chosen,
)
from scrutineer.cli.gateway_address import Key, Url, gateway_address
from scrutineer.cli.tables import printable
from scrutineer.deployment.findings import Finding, Verdict, skipped
from scrutineer.errors import UserError

MARKS = {Verdict.OK: "✓", Verdict.WARN: "!", Verdict.FAIL: "✗", Verdict.SKIPPED: "–"}
COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red", Verdict.SKIPPED: "dim"}
WORDS = {Verdict.FAIL: "failed", Verdict.WARN: "to look at", Verdict.OK: "in order", Verdict.SKIPPED: "not looked at"}


def doctor(
    config_env: ConfigEnv = "dev",
    stack: StackName = None,
    before: Annotated[bool, typer.Option("--before", help="Only what matters before a deploy.")] = False,
    after: Annotated[bool, typer.Option("--after", help="Only what matters after one.")] = False,
    offline: Offline = False,
    region: Region = None,
    profile: Profile = None,
    parameter: Parameters = None,
    artifact: Annotated[
        Path | None, typer.Option(help="The model's archive on this machine, to compare with the one in S3.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(envvar="SCRUTINEER_DATABASE", help="As for `scrutineer migrate`.")
    ] = None,
    url: Url = None,
    key: Key = None,
    project: Project = PROJECT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Examine a deployment, before it or after, and say how to mend what is wrong. Changes nothing. Exit code: 0 where
    nothing failed, 1 where something did."""
    # They bring samtranslator's settings and httpx; the help does without.
    from scrutineer.deployment.checks import CHECKS
    from scrutineer.deployment.doctor import Phase, examine, healthy
    from scrutineer.deployment.subject import Subject

    if artifact is not None and not artifact.is_file():
        raise UserError(f"--artifact: there is no file {artifact}.")
    environment, account = chosen(
        project, config_env, stack=stack, region=region, profile=profile, given=parameter or []
    )
    phase = Phase.BOTH if before == after else Phase.BEFORE if before else Phase.AFTER
    address = gateway_address(url, key) if url is not None else None
    with AdminClient(address.url, address.key) if address else nullcontext() as gateway:
        subject = Subject(environment, project, account, gateway=gateway, database=database, artifact=artifact)
        found: list[Finding] = []
        with err.status("Looking …") as status:
            for finding in examine(
                CHECKS,
                subject,
                phase=phase,
                offline=offline,
                looking=lambda name: status.update(f"Looking at {name} …"),
            ):
                found.append(finding)
                if not as_json and (finding.verdict is not Verdict.SKIPPED or finding.mend):
                    _show(finding)
    counts = Counter(finding.verdict for finding in found)
    if as_json:
        out.print_json(json.dumps({"stack": environment.stack, "findings": [asdict(each) for each in found]}))
    else:
        _show_skipped(found)
        out.print(f"\n{', '.join(f'{counts[each]} {words}' for each, words in WORDS.items())}.", markup=False)
    if not healthy(found):
        raise typer.Exit(1)


def _show_skipped(found: list[Finding]) -> None:
    """In the end, those of one reason on one line."""
    reasons: dict[str, list[str]] = {}
    for finding in found:
        if finding.verdict is Verdict.SKIPPED and not finding.mend:
            reasons.setdefault(finding.line, []).append(finding.check)
    for line, checks in reasons.items():
        _show(skipped(", ".join(dict.fromkeys(checks)), line))


def _show(finding: Finding) -> None:
    line = Text(f"{MARKS[finding.verdict]} ", style=COLOURS[finding.verdict])
    line.append(f"{finding.check}: ", style="bold" if finding.verdict is Verdict.FAIL else "default")
    line.append(printable(finding.line), style="default")
    out.print(line, soft_wrap=True)
    if finding.mend and finding.verdict is not Verdict.OK:
        out.print(Text(f"    → {printable(finding.mend)}", style="dim"), soft_wrap=True)
