"""What a deploy would change: a change set that SAM makes, that is read and deleted, and never executed."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scrutineer.deployment.account import Account
from scrutineer.deployment.environment import Environment
from scrutineer.errors import UserError

CHANGE_SET = re.compile(r"arn:aws[a-z-]*:cloudformation:\S+:changeSet/\S+")
NOTHING_CHANGES = ("No changes to deploy", "didn't contain changes")
LONGEST_S = 900


@dataclass(frozen=True)
class Change:
    """`replaced`: the resource is made anew, and what was in the old one goes with it."""

    action: str
    resource: str
    type: str
    replaced: str
    because: tuple[str, ...] = ()


def changes(
    environment: Environment, account: Account, project: Path, sam: Sequence[str], options: Sequence[str] = ()
) -> list[Change]:
    """Of a stack that is there. Uploads what was built, as a deploy would. Raises UserError, CouldNotLook."""
    name = _made(environment, project, sam, options)
    if name is None:
        return []
    try:
        return [
            Change(
                action=change["ResourceChange"]["Action"],
                resource=change["ResourceChange"]["LogicalResourceId"],
                type=change["ResourceChange"]["ResourceType"],
                replaced=change["ResourceChange"].get("Replacement", "False"),
                because=tuple(_properties(change["ResourceChange"])),
            )
            for change in account.all("cloudformation", "describe_change_set", "Changes", ChangeSetName=name)
            if change.get("Type") == "Resource"
        ]
    finally:
        account.ask("cloudformation", "delete_change_set", ChangeSetName=name)


def _made(environment: Environment, project: Path, sam: Sequence[str], options: Sequence[str]) -> str | None:
    """The change set's ARN, as SAM prints it; None where nothing would change."""
    pairs = [f"{name}={value}" for name, value in environment.parameters.items()]
    command = [
        *sam,
        "deploy",
        "--config-env",
        environment.name,
        "--stack-name",
        environment.stack,
        "--no-execute-changeset",
        "--no-confirm-changeset",
        "--no-progressbar",
        *options,
        *(["--parameter-overrides", *pairs] if pairs else []),
    ]
    try:
        done = subprocess.run(
            command,
            cwd=project,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise UserError(f"{sam[0]}: {error.strerror}; --sam says where the SAM CLI is.") from error
    except subprocess.TimeoutExpired as error:
        raise UserError(f"SAM made no change set in {LONGEST_S} s.") from error
    said = done.stdout + done.stderr
    if found := CHANGE_SET.search(said):
        return found[0]
    if any(words in said for words in NOTHING_CHANGES):
        return None
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    raise UserError(f"SAM made no change set: {lines[-1] if lines else f'exit code {done.returncode}'}")


def _properties(change: dict[str, object]) -> list[str]:
    """The properties that change, each once."""
    details = change.get("Details")
    named = (
        [each["Target"].get("Name") or each["Target"]["Attribute"] for each in details]
        if isinstance(details, list)
        else []
    )
    return list(dict.fromkeys(named))
