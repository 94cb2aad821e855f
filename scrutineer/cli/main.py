"""`scrutineer`: where commands are put together, and where errors become words and exit codes."""

import os
import sys

import typer

from scrutineer.cli import (
    audit,
    batch,
    bootstrap,
    cancel,
    clients,
    compare,
    dead_letters,
    demo,
    deploy,
    describe,
    doctor,
    embed,
    events,
    gateway,
    hours,
    inspect,
    keys,
    members,
    metrics,
    migrate,
    plan,
    plans,
    roles,
    smoke,
    up,
    usage,
    webhooks,
    whoami,
)
from scrutineer.cli.console import err
from scrutineer.errors import UserError
from scrutineer.local.errors import LocalStackError

app = typer.Typer(
    help="Do these photos show what they should? The local stack, the client and the operator's tools.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up")(up.up)
app.command("inspect")(inspect.inspect)
app.command("events")(events.events)
app.command("cancel")(cancel.cancel)
app.command("embed")(embed.embed)
app.command("describe")(describe.describe)
app.command("demo")(demo.demo)
app.command("deploy")(deploy.deploy)
app.command("smoke")(smoke.smoke)
app.command("migrate")(migrate.migrate)
app.command("doctor")(doctor.doctor)
app.command("plan")(plan.plan)
app.command("compare")(compare.compare)
app.command("bootstrap")(bootstrap.bootstrap)
app.command("whoami")(whoami.whoami)
app.command("hours")(hours.hours)
app.command("metrics")(metrics.metrics)
app.command("roles")(roles.roles)
for group in (batch, clients, keys, members, plans, usage, audit, gateway, webhooks, dead_letters):
    app.add_typer(group.app, name=group.__name__.rpartition(".")[2].replace("_", "-"))


def run() -> None:
    """Exit codes: 0 done, 1 your mistake or a refused request, 2 wrong usage, 70 a bug of ours, 130 interrupted."""
    try:
        app()
    except (UserError, LocalStackError) as error:
        err.print(f"Error: {error}", style="bold red", markup=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # the outermost edge
        if os.environ.get("SCRUTINEER_DEBUG"):
            raise
        err.print(
            f"This is a bug in Scrutineer ({type(error).__name__}: {error}). Set SCRUTINEER_DEBUG=1 for the traceback.",
            style="bold red",
            markup=False,
            soft_wrap=True,
        )
        sys.exit(70)
