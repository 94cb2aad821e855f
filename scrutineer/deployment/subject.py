"""What a check may look at. Each part is read once, when the first check asks for it."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from scrutineer.admin_client import AdminClient
from scrutineer.deployment.account import Account
from scrutineer.deployment.environment import Environment
from scrutineer.deployment.parameters import effective
from scrutineer.deployment.resources import Expected, expected_resources
from scrutineer.deployment.stack import Stack, read_stack


class Subject:
    """`gateway` and `database` are None where nothing was given to reach them by; `artifact` is the model's archive on
    this machine, where there is one."""

    def __init__(
        self,
        environment: Environment,
        root: Path,
        account: Account,
        *,
        gateway: AdminClient | None = None,
        database: str | None = None,
        artifact: Path | None = None,
    ) -> None:
        self.environment = environment
        self.root = root
        self.account = account
        self.gateway = gateway
        self.database = database
        self.artifact = artifact

    @cached_property
    def template(self) -> Mapping[str, Any]:
        """template.yaml as it is written."""
        # It takes 0.2 s to import, and the command's help does without.
        from samtranslator.yaml_helper import yaml_parse

        source: dict[str, Any] = yaml_parse((self.root / "template.yaml").read_text(encoding="utf-8"))
        return source

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """What is asked for: the environment's overrides on the template's defaults."""
        return effective(self.template, self.environment.parameters)

    @cached_property
    def expected(self) -> list[Expected]:
        """Raises TemplateInvalid, TemplateUnsupported."""
        return expected_resources(self.root / "template.yaml", self.environment.parameters)

    @cached_property
    def region(self) -> str | None:
        """Raises CouldNotLook where boto3 can't say."""
        return self.environment.region or self.account.region

    @cached_property
    def account_id(self) -> str:
        """Raises CouldNotLook."""
        return str(self.account.ask("sts", "get_caller_identity")["Account"])

    @cached_property
    def stack(self) -> Stack | None:
        """Raises CouldNotLook."""
        return read_stack(self.account, self.environment.stack)

    @property
    def built(self) -> Path:
        """What `sam build` leaves, whether or not it is there."""
        return self.root / ".aws-sam" / "build" / "template.yaml"

    def wants(self, parameter: str) -> str:
        """The asked value of a parameter, empty where the template has none of that name."""
        return self.parameters.get(parameter, "")
