"""One environment of samconfig.toml: which stack, where, with which parameters."""

import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scrutineer.errors import UserError


@dataclass(frozen=True)
class Environment:
    """`parameters` are the overrides alone, as they are written: the template has the defaults.

    `tags` go to everything in the stack that takes tags, its nested stacks included.
    """

    name: str
    stack: str
    region: str | None = None
    profile: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def deploy(self) -> str:
        """The command that brings the stack to what is asked for."""
        return f"sam build && sam deploy --config-env {shlex.quote(self.name)}"


def read_environment(
    file: Path, name: str, *, stack: str | None = None, overrides: Mapping[str, str] | None = None
) -> Environment:
    """The section `NAME.deploy.parameters`, with `overrides` on top of its own. Raises UserError."""
    try:
        config = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: {error}") from error
    shared, own = (_parameters(config, each) for each in ("default", name))
    if own is None:
        known = ", ".join(each for each in config if isinstance(config[each], dict) and _parameters(config, each))
        raise UserError(f"--config-env: {file} has no environment {name!r}, only {known or 'none'}.")
    found = {**(shared or {}), **own}
    stack_name = stack or found.get("stack_name")
    if not stack_name:
        raise UserError(f"{file}: {name}.deploy.parameters has no stack_name; give --stack.")
    return Environment(
        name=name,
        stack=str(stack_name),
        region=found.get("region"),
        profile=found.get("profile"),
        parameters={**_pairs(found.get("parameter_overrides", []), file), **(overrides or {})},
        tags=_pairs(found.get("tags", []), file),
    )


def _parameters(config: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    section = config.get(name)
    deploy = section.get("deploy") if isinstance(section, dict) else None
    found = deploy.get("parameters") if isinstance(deploy, dict) else None
    return dict(found) if isinstance(found, dict) else None


def _pairs(given: Any, file: Path) -> dict[str, str]:
    """`A=b` pairs, in a list or in one text with quotes as SAM takes both.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
    """
    try:
        words = shlex.split(given) if isinstance(given, str) else [str(each) for each in given]
    except ValueError as error:
        raise UserError(f"{file}: {given!r}: {error}") from error
    pairs = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or not name:
            raise UserError(f"{file}: {word!r} is not NAME=VALUE.")
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        pairs[name] = value
    return pairs
