"""A deploy by SAM, with an environment's parameters and single ones before them.

SAM itself replaces the whole list of samconfig.toml by what its command line says, so one parameter can't be given.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from scrutineer.deployment.environment import Environment
from scrutineer.errors import UserError


def deploy(environment: Environment, project: Path, sam: str, options: Sequence[str]) -> bool:
    """Whether it succeeded. SAM speaks for itself, to this process's own terminal. Raises UserError."""
    pairs = [f"{name}={value}" for name, value in environment.parameters.items()]
    command = [
        sam,
        "deploy",
        "--config-env",
        environment.name,
        "--stack-name",
        environment.stack,
        "--no-fail-on-empty-changeset",
        *options,
        *(["--parameter-overrides", *pairs] if pairs else []),
    ]
    try:
        return subprocess.run(command, cwd=project, check=False).returncode == 0
    except OSError as error:
        raise UserError(f"{sam}: {error.strerror}; --sam says where the SAM CLI is.") from error
