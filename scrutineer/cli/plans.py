"""`scrutineer plans`: how much a client may ask for."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from scrutineer.admin_client import AdminClient
from scrutineer.cli.administration import AsJson, DryRun, Yes, carry_out, show_answer, show_json, signed_in
from scrutineer.cli.console import out
from scrutineer.cli.gateway_address import Key, Url
from scrutineer.cli.option_values import Maybe, given, maybe
from scrutineer.cli.tables import show_record, show_rows
from scrutineer.errors import RequestFailed

app = typer.Typer(help="Usage plans: rate, quotas, tasks and limits.", no_args_is_help=True)
COLUMNS = (
    ("Plan", "plan"),
    ("Rate/s", "rate_per_s"),
    ("Burst", "burst"),
    ("Quota/day", "quota_day"),
    ("Quota/month", "quota_month"),
    ("At once", "concurrent"),
    ("Tasks", "tasks"),
    ("Photos", "max_photos"),
    ("Wait, s", lambda plan: f"{plan['default_wait_s']} (at most {plan['max_wait_s']})"),
)
# What a new plan has where nothing else is said; the same as the plan `standard` that comes with the tables.
NEW_PLAN: Mapping[str, Any] = {
    "rate_per_s": 10,
    "burst": 20,
    "quota_day": None,
    "quota_month": 100_000,
    "concurrent": 200,
    "tasks": ["inspect", "embed", "describe"],
    "max_photos": 20,
    "default_wait_s": 20,
    "max_wait_s": 25,
}
PlanName = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's name.")]


def _limit(help_text: str) -> Any:
    return typer.Option(parser=maybe, metavar="N|none", help=help_text)


@app.command("list")
def list_plans(url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """List the usage plans."""
    with signed_in(url, key) as admin:
        found = admin.plans()
    if as_json:
        show_json(found)
    else:
        show_rows(out, found["plans"], COLUMNS, none="There are no plans.")


@app.command("show")
def show_plan(plan: PlanName, url: Url = None, key: Key = None, as_json: AsJson = False) -> None:
    """Show one plan."""
    with signed_in(url, key) as admin:
        found = admin.plan(plan)
    if as_json:
        show_json(found)
    else:
        show_record(out, found)


@app.command("set")
def set_plan(
    plan: PlanName,
    rate_per_s: Annotated[int | None, typer.Option(help="Requests a second of a client, on average.")] = None,
    burst: Annotated[int | None, typer.Option(help="Requests of a client at once, above its rate.")] = None,
    quota_day: Annotated[Maybe | None, _limit("Inspections, embeddings and descriptions a day (UTC).")] = None,
    quota_month: Annotated[Maybe | None, _limit("The same a month (UTC).")] = None,
    concurrent: Annotated[Maybe | None, _limit("Inspections of a client under way at once.")] = None,
    tasks: Annotated[
        list[str] | None, typer.Option("--task", help="inspect, embed or describe; may be repeated.")
    ] = None,
    max_photos: Annotated[int | None, typer.Option(help="Photos of one inspection.")] = None,
    default_wait_s: Annotated[int | None, typer.Option(help="Seconds that an answer waits for its verdict.")] = None,
    max_wait_s: Annotated[int | None, typer.Option(help="Seconds that it may be asked to wait.")] = None,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make a plan, or change the given parts of one. A new plan has what `standard` came with where nothing is said."""
    changes = given(
        rate_per_s=rate_per_s,
        burst=burst,
        quota_day=quota_day,
        quota_month=quota_month,
        concurrent=concurrent,
        tasks=tasks or None,
        max_photos=max_photos,
        default_wait_s=default_wait_s,
        max_wait_s=max_wait_s,
    )
    with signed_in(url, key) as admin:
        content = {**_as_it_is(admin, plan), **changes}
        show_answer(admin.set_plan(plan, content, dry_run=dry_run), as_json=as_json)


@app.command("delete")
def delete_plan(
    plan: PlanName,
    yes: Yes = False,
    dry_run: DryRun = False,
    url: Url = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Delete a plan that no client is on."""
    with signed_in(url, key) as admin:
        answer = carry_out(
            lambda dry: admin.delete_plan(plan, dry_run=dry),
            question=f"Delete the plan {plan}?",
            word="delete",
            yes=yes,
            dry_run=dry_run,
        )
    show_answer(answer, as_json=as_json)


def _as_it_is(admin: AdminClient, plan: str) -> dict[str, Any]:
    try:
        found = admin.plan(plan)
    except RequestFailed as refused:
        if refused.status != 404:
            raise
        return dict(NEW_PLAN)
    return {name: found[name] for name in NEW_PLAN}
