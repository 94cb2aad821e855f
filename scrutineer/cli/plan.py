"""`scrutineer plan`: what a deploy would change, and what it costs an hour."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scrutineer.cli.console import err, out
from scrutineer.cli.deployment_options import (
    PROJECT,
    ConfigEnv,
    Offline,
    Parameters,
    Profile,
    Project,
    Region,
    Sam,
    StackName,
    chosen,
    sam_command,
)
from scrutineer.cli.tables import show_rows

if TYPE_CHECKING:
    from scrutineer.deployment.change_set import Change
    from scrutineer.deployment.costs import Cost, Use
    from scrutineer.deployment.subject import Subject

UNKNOWN = "unknown"
CHANGES = (
    ("Action", "action"),
    ("Resource", "resource"),
    ("Type", "type"),
    ("Replaced", "replaced"),
    ("Because of", lambda change: list(change["because"])),
)
RESOURCES = (("Type", "type"), ("Resources", "count"))


def plan(
    config_env: ConfigEnv = "dev",
    stack: StackName = None,
    offline: Offline = False,
    region: Region = None,
    profile: Profile = None,
    parameter: Parameters = None,
    endpoint_seconds: Annotated[
        float, typer.Option(help="What the endpoint takes an inspection, for the cost of 1,000 of them.", min=0.0)
    ] = 3.0,
    sam: Sam = None,
    project: Project = PROJECT,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Show what a deploy would change and what it costs. With credentials and a stack, SAM makes a change set, which is
    shown and deleted; without, or with parameters that would be refused, the template's resources are shown. Executes
    nothing. Exit code: 1 for parameters that would be refused."""
    from scrutineer.deployment.account import CouldNotLook
    from scrutineer.deployment.costs import inspection_costs, standing_costs
    from scrutineer.deployment.parameters import complaints
    from scrutineer.deployment.subject import Subject

    environment, account = chosen(
        project, config_env, stack=stack, region=region, profile=profile, given=parameter or []
    )
    subject = Subject(environment, project, account)
    found = list(complaints(subject.template, environment.parameters))
    refused = any(complaint.sure for complaint in found)
    for complaint in found:
        err.print(f"{complaint.name or 'Parameters'}: {complaint.text}.", style="yellow", markup=False, soft_wrap=True)
    where = _region(subject)
    changed, why = None, "offline"
    if refused:
        why = "its parameters would be refused"
    elif not offline:
        try:
            changed, why = _changes(subject, sam, region, profile)
        except CouldNotLook as error:
            why = str(error)
    costs = standing_costs(subject.expected, where)
    uses = inspection_costs(subject.expected, where, endpoint_s=endpoint_seconds)
    counted = [
        {"type": kind, "count": count}
        for kind, count in sorted(Counter(each.type for each in subject.expected).items())
    ]
    if as_json:
        answer = {
            "stack": environment.stack,
            "region": where,
            "changes": None if changed is None else [asdict(each) for each in changed],
            "resources": counted,
            "hourly": [_hourly(each) for each in costs],
            "per_1000_inspections": [_used(each) for each in uses],
        }
        out.print_json(json.dumps(answer))
    else:
        _show_changes(changed, counted, why)
        _show_costs(costs, uses, where, endpoint_seconds, open_hours(subject.parameters))
    raise typer.Exit(int(refused))


def _changes(
    subject: "Subject", sam: str | None, region: str | None, profile: str | None
) -> "tuple[list[Change] | None, str]":
    """None, and why, where everything would be new or SAM can't be asked."""
    from scrutineer.deployment.change_set import changes

    if subject.stack is None:
        return None, f"there is no stack {subject.environment.stack} yet: all of it is new"
    if not subject.built.is_file():
        return None, "nothing is built: `sam build` comes first"
    command = sam_command(subject.root, sam)
    options = [
        word
        for name, value in (("--region", region), ("--profile", profile))
        if value is not None
        for word in (name, value)
    ]
    with err.status("SAM uploads what was built and makes a change set …"):
        return changes(subject.environment, subject.account, subject.root, [command], options), ""


def _region(subject: "Subject") -> str | None:
    from scrutineer.deployment.account import CouldNotLook

    try:
        return subject.region
    except CouldNotLook:
        return None


def _show_changes(changed: "list[Change] | None", counted: list[dict[str, Any]], why: str) -> None:
    if changed is None:
        out.print(f"What would change: not asked ({why}). What the template makes:\n", markup=False, soft_wrap=True)
        show_rows(out, counted, RESOURCES, none="nothing")
        return
    out.print("What would change:\n", markup=False)
    show_rows(out, [asdict(each) for each in changed], CHANGES, none="Nothing.")


def _show_costs(costs: "list[Cost]", uses: "list[Use]", region: str | None, endpoint_s: float, open_h: float) -> None:
    from scrutineer.deployment.costs import total
    from scrutineer.deployment.prices import HOURS, price_elsewhere

    def hint(item: str) -> str:
        elsewhere = price_elsewhere(item)
        return f"unknown here; {elsewhere.usd:g} USD/{elsewhere.per} in {elsewhere.region}" if elsewhere else UNKNOWN

    out.print(f"\nWhat it costs in {region or 'a region that is not set'}, USD an hour, used or not:\n", markup=False)
    columns = (
        ("What", "what"),
        ("Number", "number"),
        ("USD/h", "hourly"),
        ("at most", "most"),
        ("Of", "date"),
        ("Source", "source"),
    )
    rows = [
        {
            "what": each.what,
            "number": _number(each),
            "hourly": _usd(each.hourly_usd),
            "most": _usd(each.most_hourly_usd),
            "date": each.price.date if each.price else "",
            "source": (f"{each.price.source} {each.price.note}".strip() if each.price else hint(each.item)),
        }
        for each in costs
    ]
    show_rows(out, rows, columns, none="Nothing that bills by the hour.")
    now, most = total([each.hourly_usd for each in costs]), total([each.most_hourly_usd for each in costs])
    closed = total([each.closed_hourly_usd for each in costs])
    unknown = sum(each.price is None for each in costs)
    while_closed = f", {closed:.3f} while the service is closed" if closed != now else ""
    beside = f". To it come {unknown} whose price is unknown" if unknown else ""
    a_day = open_h * now + (24 - open_h) * closed
    out.print(
        f"\nKnown: {now:.3f} USD an hour{while_closed}, at most {most:.3f}; "
        f"{a_day * HOURS['month'] / 24:.0f} a month at {open_h:g} h a day{beside}.",
        markup=False,
        soft_wrap=True,
    )
    out.print(f"\nWhat 1,000 inspections cost besides, at {endpoint_s:g} s of the endpoint each:\n", markup=False)
    show_rows(
        out,
        [
            {
                "what": each.what,
                "number": f"{each.amount:,.0f}",
                "usd": _usd(each.usd),
                "source": each.price.source if each.price else hint(each.item),
            }
            for each in uses
        ],
        (("What", "what"), ("Number", "number"), ("USD", "usd"), ("Source", "source")),
        none="Nothing.",
    )
    out.print(f"\nKnown: {total([each.usd for each in uses]):.3f} USD.", markup=False)


def open_hours(parameters: Mapping[str, str]) -> float:
    """Hours a day between ServiceOpens and ServiceCloses, 24 where these are the same or not there."""
    opens, closes = (
        60 * int(hour) + int(minute)
        for hour, _, minute in (
            parameters.get(name, "00:00").partition(":") for name in ("ServiceOpens", "ServiceCloses")
        )
    )
    return ((closes - opens) % (24 * 60) or 24 * 60) / 60


def _number(cost: "Cost") -> str:
    """Open, and in brackets what differs from it."""
    more = [
        words
        for words in (
            f"closed {cost.closed:g}" if cost.closed != cost.count else "",
            f"at most {cost.most:g}" if cost.most != cost.count else "",
        )
        if words
    ]
    return f"{cost.count:g}" + (f" ({', '.join(more)})" if more else "")


def _usd(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4f}"


def _hourly(cost: "Cost") -> dict[str, Any]:
    return {
        **asdict(cost),
        "hourly_usd": cost.hourly_usd,
        "closed_hourly_usd": cost.closed_hourly_usd,
        "most_hourly_usd": cost.most_hourly_usd,
    }


def _used(use: "Use") -> dict[str, Any]:
    return {**asdict(use), "usd": use.usd}
