"""Every function under its own role: what each may do is written where its processes read it, and noted as they go."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from scrutineer.local.call_needs import Surroundings, polling
from scrutineer.local.call_permissions import PLUGIN, ROLE_FILE, Judge
from scrutineer.local.errors import TemplateInvalid
from scrutineer.local.role_permissions import Grant, RolePermissions
from scrutineer.local.template_model import ACCOUNT, REGION, FunctionSpec, Template

OWN_PATH = Path(__file__).resolve().parents[2]


class Refusal(NamedTuple):
    action: str
    resource: str | None


class Roles:
    """The roles of one running stack; `folder` is for it alone."""

    def __init__(self, template: Template, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._template = template
        self._folder = folder
        self._around = Surroundings(REGION, ACCOUNT, template.keys)
        for spec in template.functions.values():
            self._notes(spec).write_text("")
            self._file(spec).write_text(
                json.dumps(
                    {
                        "arn": self._arn(spec),
                        "statements": spec.statements,
                        "region": REGION,
                        "account": ACCOUNT,
                        "keys": template.keys,
                        "notes": str(self._notes(spec)),
                    }
                )
            )

    def environment(self, spec: FunctionSpec) -> Mapping[str, str]:
        """Variables that put a function's processes under its role; botocore finds the hooks behind the code."""
        return {**PLUGIN, ROLE_FILE: str(self._file(spec)), "PYTHONPATH": f"{spec.code_dir}{os.pathsep}{OWN_PATH}"}

    def check_event_sources(self) -> None:
        """Lambda takes messages in the function's name. Raises `TemplateInvalid` where it may not."""
        for source in self._template.event_sources:
            spec = self._template.functions[source.function]
            judge = Judge(self._arn(spec), RolePermissions(spec.statements), self._around, self._notes(spec))
            refusal = judge.refusal(polling(self._template.queues[source.queue].arn, self._around))
            if refusal is not None:
                raise TemplateInvalid(f"{source.logical_id}: {refusal}")

    def granted(self, function: str) -> frozenset[Grant]:
        """All that the role allows."""
        return RolePermissions(self._template.functions[function].statements).grants

    def used(self, function: str) -> frozenset[Grant]:
        """The grants that allowed a call so far."""
        return frozenset(
            Grant(line["action"], line["resource"]) for line in self._lines(function) if "refused" not in line
        )

    def refused(self, function: str) -> frozenset[Refusal]:
        """The calls so far that the role did not allow."""
        return frozenset(
            Refusal(line["action"], line["resource"]) for line in self._lines(function) if "refused" in line
        )

    def _lines(self, function: str) -> list[dict[str, str]]:
        notes = self._notes(self._template.functions[function])
        return [json.loads(line) for line in notes.read_text().splitlines()]

    def _arn(self, spec: FunctionSpec) -> str:
        return f"arn:aws:sts::{ACCOUNT}:assumed-role/{spec.role}/{spec.name}"

    def _file(self, spec: FunctionSpec) -> Path:
        return self._folder / f"{spec.logical_id}.json"

    def _notes(self, spec: FunctionSpec) -> Path:
        return self._folder / f"{spec.logical_id}.calls"
