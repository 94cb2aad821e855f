"""What the commands on deployments have in common: which environment, which account, with which parameters."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from scrutineer.deployment.account import BotoAccount
from scrutineer.deployment.environment import Environment, read_environment
from scrutineer.errors import UserError
from scrutineer.local.settings import ROOT

ConfigEnv = Annotated[str, typer.Option(help="The environment of samconfig.toml.")]
StackName = Annotated[str | None, typer.Option("--stack", help="The stack's name; by default the environment's.")]
Region = Annotated[str | None, typer.Option(help="The AWS region; by default as the AWS CLI would choose it.")]
Profile = Annotated[str | None, typer.Option(help="The AWS CLI's profile to sign in with.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", help="A parameter of the template as NAME=VALUE, before samconfig.toml's; repeatable."),
]
Project = Annotated[Path, typer.Option(help="The folder with template.yaml and samconfig.toml.")]
Offline = Annotated[bool, typer.Option("--offline", help="Ask nobody: only what the files tell.")]
Sam = Annotated[str | None, typer.Option("--sam", help="The SAM CLI; by default .venv-sam's or the PATH's.")]
PROJECT = ROOT


def chosen(
    project: Path, config_env: str, *, stack: str | None, region: str | None, profile: str | None, given: list[str]
) -> tuple[Environment, BotoAccount]:
    """The environment, with what the command line says before what the file says, and the account that it is in."""
    overrides = {}
    for pair in given:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise UserError(f"--parameter {pair!r}: it must be NAME=VALUE.")
        overrides[name] = value
    environment = read_environment(project / "samconfig.toml", config_env, stack=stack, overrides=overrides)
    region = region or environment.region
    account = BotoAccount(region=region, profile=profile or environment.profile)
    return environment, account


def sam_command(project: Path, given: str | None) -> str:
    """Raises UserError where there is none."""
    own = project / ".venv-sam" / "bin" / "sam"
    found = given or (str(own) if own.is_file() else shutil.which("sam"))
    if found is None:
        raise UserError("The SAM CLI is not on the PATH; --sam says where it is.")
    return found
