"""Write `reference.md` and the table of roles in `access.md` from the code. Run by `make docs`; tests compare."""

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import typer.main

from core.errors import all_problems
from core.roles import MAY, ROUTES, Action, Role
from scrutineer.cli.main import app
from scrutineer.local.settings import ROOT, StackSettings
from scrutineer.local.template import load_template
from scrutineer.local.template_model import Template

REFERENCE = Path(__file__).parent / "reference.md"
ACCESS = Path(__file__).parent / "access.md"
FUNCTIONS = ROOT / "functions"
SETTINGS = {
    "ARCHIVE_AFTER_S": "Seconds that a final inspection is left to whoever ended it, before the schedule archives it.",
    "APPLICATION_SECRET": "The secret of the user that the functions sign in as.",
    "API_ID": "The API whose stage the clients' keys and usage plans open.",
    "API_STAGE": "That stage.",
    "AWS_LAMBDA_LOG_FORMAT": "Lambda's own lines as `JSON` too.",
    "AWS_LAMBDA_LOG_LEVEL": "The least severe line that Lambda keeps.",
    "BULK_AT_ONCE": "Bulk inspections that the endpoint holds at once.",
    "BUCKET": "The inspection bucket.",
    "CLOSING_TIME": "What becomes at closing time of what is on its way: `drain` or `hold`.",
    "DATABASE_AUTH": "`iam` (a token signed at each connect, through RDS Proxy) or `password`.",
    "DATABASE_HOST": "MySQL's address: RDS Proxy (for `migrate` the database itself), or the local MariaDB.",
    "DATABASE_NAME": "The database.",
    "DATABASE_PORT": "MySQL's port.",
    "DATABASE_TLS": "Whether to connect by TLS: `true` or `false`.",
    "DATABASE_USER": "The database user, with no more rights than the functions need.",
    "ENDPOINT": "Where the model is: `sagemaker:NAME`, with `/COMPONENT` behind it where the endpoint has inference"
    " components, or the address below which `/invocations` is.",
    "FALLBACK_ENDPOINT": "Asked while the endpoint is not available; written as `ENDPOINT`, or empty.",
    "FORMAT_QUEUE_URL": "The queue of the format stage.",
    "HELD_PER_MINUTE": "Held inspections that the sweeper lets go in one round.",
    "INVOKE_BULK_QUEUE_URL": "The queue of the invoke stage's bulk lane.",
    "HOT_READS": "Whether results can be read while MySQL is away: `none` or `dynamodb`.",
    "HOT_RESULTS_DAYS": "Days after its end that an inspection can be read from that table.",
    "HOT_RESULTS_TABLE": "The DynamoDB table read while MySQL is away; empty: there is none.",
    "HTTPS_PHOTOS": "Whether photos are fetched from https addresses, which needs a way out: `true` or `false`.",
    "FORMAT_DEAD_LETTERS_URL": "What the format stage gave up.",
    "INVOKE_DEAD_LETTERS_URL": "What the invoke stage gave up.",
    "INVOKE_QUEUE_URL": "The queue of the invoke stage.",
    "JWT_ALGORITHMS": "The signatures of JWTs that are taken, with commas between them.",
    "JWT_AUDIENCE": "What JWTs must be made for (`aud`).",
    "JWT_ISSUER": "The issuer of the JWTs that sign people in (`iss`); empty: nobody signs in by JWT.",
    "JWT_JWKS_URL": "Where the issuer's public keys are.",
    "LEASE_S": "Seconds for which a worker holds an inspection, or a batch; longer than the function's timeout.",
    "MAX_ATTEMPTS": "Attempts of one stage at one inspection before it ends as `error`.",
    "NOTIFY_QUEUE_URL": "The queue of the notify function.",
    "OUTWARD_LOCAL": "`127.0.0.1:PORT`, with commas between them, that clients' addresses may lead to over http."
    " For tests on one machine; empty everywhere else.",
    "OWNER_SECRET": "The secret of the user who owns the tables.",
    "PHOTO_BUCKETS": "Buckets that photos may be named in, with commas between them.",
    "PHOTO_BUCKETS_OWNER": "The account that they belong to.",
    "POWERTOOLS_LOG_LEVEL": "The least severe line that is logged.",
    "POWERTOOLS_METRICS_NAMESPACE": "CloudWatch namespace of the metrics.",
    "POWERTOOLS_SERVICE_NAME": "The stage's name in logs, metrics and traces.",
    "PRECHECK_BULK_QUEUE_URL": "The queue of the precheck stage's bulk lane.",
    "PRECHECK_DEAD_LETTERS_URL": "What the precheck stage gave up.",
    "PRECHECK_QUEUE_URL": "The queue of the precheck stage.",
    "SCHEMA_FOLDER": "Where migrations, rights and the certificates that are trusted lie: the content of `database/`.",
    "SERVICE_CLOSES": "When the service closes: `HH:MM`, at most `24:00`.",
    "SERVICE_OPENS": "When the service opens: `HH:MM`; the same time as `SERVICE_CLOSES` is always open.",
    "SERVICE_TIMEZONE": "Their time zone, by its name in the IANA database.",
    "SETTINGS_VERSION": "The number of the stack's settings as a whole, shown in each log line.",
    "SPREAD_QUEUE_URL": "The queue of batches that are due.",
    "RUNNING_AT_ONCE": "Interactive inspections that the endpoint holds at once.",
    "STACK_NAME": "How the names of our keys and usage plans in API Gateway begin.",
    "SWEEP_AFTER_S": "Seconds that a commit may stay without its message before the sweeper sends one.",
    "WAITING_AT_ONCE": "How many more clients may wait for their answers before overload is answered by 202 at once.",
}


def rendered() -> str:
    """The whole page."""
    template = load_template(StackSettings().template, queues_url="http://127.0.0.1:9", parameters={})
    sections = [
        "# Reference\nWritten from the code by `make docs`.",
        *_commands(),
        _routes(json.loads((ROOT / "functions" / "documentation" / "openapi.json").read_text())),
        _errors(template),
        _settings(template),
    ]
    return "\n\n".join(sections) + "\n"


def access() -> str:
    """The page on access, its table of roles as the check has it."""
    before, begin, rest = ACCESS.read_text().partition("<!-- roles: ")
    mark, _, rest = rest.partition("-->\n")
    _, end, after = rest.partition("<!-- /roles -->")
    return f"{before}{begin}{mark}-->\n{_roles()}\n{end}{after}"


def _roles() -> str:
    rows = [
        f"| action | {' | '.join(Role)} | opens |\n|---|{':-:|' * len(Role)}---|",
    ]
    for action in Action:
        marks = " | ".join("✓" if action in MAY[role] else "" for role in Role)
        routes = ", ".join(f"`{route.method} {route.path}`" for route in ROUTES if route.action is action)
        rows.append(f"| `{action}` | {marks} | {routes} |")
    return "\n".join(rows)


def _commands() -> list[str]:
    root = typer.main.get_command(app)
    parts = [
        "## Commands\nEvery command has `--help`. Exit codes: 0 done, 1 your mistake or a refused request, 2 wrong"
        " usage, 70 a bug of ours."
    ]
    for name, command in _leaves(root, "scrutineer"):
        rows = [f"### `{name}`\n{(command.help or '').strip()}", "| option | meaning | default |\n|---|---|---|"]
        for parameter in command.params:
            label = " ".join(parameter.opts) if hasattr(parameter, "is_flag") else str(parameter.name).upper()
            default = parameter.default if isinstance(parameter.default, str | int) else ""
            shown = "" if default in ("", False) else f"`{default}`"
            rows[1] += f"\n| `{label}` | {getattr(parameter, 'help', None) or ''} | {shown} |"
        parts.append("\n\n".join(rows))
    return parts


def _leaves(group: Any, prefix: str) -> list[tuple[str, Any]]:
    """Commands by their full name; `group` is a click group, of whichever copy of click Typer brings."""
    found: list[tuple[str, Any]] = []
    for name, command in group.commands.items():
        full = f"{prefix} {name}"
        found += _leaves(command, full) if hasattr(command, "commands") else [(full, command)]
    return found


def _routes(document: dict[str, Any]) -> str:
    rows = [
        "## Routes\nThe whole of it is at `/v1/openapi.json`, for people at `/v1/docs`.\n",
        "| route | what | answers |\n|---|---|---|",
    ]
    for path, operations in sorted(document["paths"].items()):
        for method, operation in operations.items():
            rows.append(f"| `{method.upper()} {path}` | {operation['summary']} | {', '.join(operation['responses'])} |")
    return "\n".join(rows)


def _errors(template: Template) -> str:
    """The functions' own codes and those that API Gateway answers by the template."""
    for module in pkgutil.walk_packages([str(FUNCTIONS)]):
        importlib.import_module(module.name)  # an error class is known once its module is
    own = {folder.name for folder in FUNCTIONS.iterdir()}
    codes = {
        error.code: (error.status, error.title) for error in all_problems() if error.__module__.partition(".")[0] in own
    }
    for api in template.apis.values():
        for response in api.responses.values():
            for body in response.templates.values():
                problem = json.loads(body)
                codes.setdefault(problem["code"], (problem["status"], problem["title"]))
    rows = [
        "## Error codes\nEvery error is `application/problem+json` (RFC 9457) with one of these, or is"
        " the `failure` of an inspection; a code never changes its meaning.\n",
        "| code | status | meaning |\n|---|---|---|",
    ]
    rows += [f"| `{code}` | {status} | {title} |" for code, (status, title) in sorted(codes.items())]
    return "\n".join(rows)


def _settings(template: Template) -> str:
    used: dict[str, list[str]] = {}
    for function in template.functions.values():
        for name in function.environment:
            used.setdefault(name, []).append(function.handler.partition(".")[0])
    rows = [
        "## Settings of the functions\nEnvironment variables, set by `template.yaml`.\n",
        "| variable | meaning | read by |\n|---|---|---|",
    ]
    rows += [f"| `{name}` | {SETTINGS[name]} | {', '.join(stages)} |" for name, stages in sorted(used.items())]
    return "\n".join(rows)


if __name__ == "__main__":
    REFERENCE.write_text(rendered())
    ACCESS.write_text(access())
