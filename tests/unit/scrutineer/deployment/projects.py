"""Small projects to examine: a template with what a test is about, and an environment `dev`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scrutineer.deployment.environment import Environment
from scrutineer.deployment.findings import Finding
from scrutineer.deployment.subject import Subject
from tests.fakes.aws_account import FakeAccount

REGION = "eu-west-1"
ACCOUNT = "123456789012"
DIGEST = "sha256:" + "a" * 64
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/scrutineer@{DIGEST}"
STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/scrutineer-dev/1"

ENDPOINT_SOURCE = "READ_TIMEOUT_S = 70\nPROMPT_READ_TIMEOUT_S = 22\n"


def project(
    folder: Path,
    resources: Mapping[str, Any],
    *,
    declared: Mapping[str, Any] | None = None,
    samconfig: str = '[dev.deploy.parameters]\nstack_name = "scrutineer-dev"\n',
    nested: Mapping[str, Mapping[str, Any]] | None = None,
    **sections: Any,
) -> Path:
    """A folder with the files that a check reads. `resources` are plain CloudFormation."""
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": declared or {"ModelImage": {"Type": "String", "Default": ""}},
        "Resources": resources,
        **sections,
    }
    (folder / "template.yaml").write_text(json.dumps(template))
    (folder / "samconfig.toml").write_text(samconfig)
    (folder / "infrastructure").mkdir(exist_ok=True)
    for name, document in (nested or {}).items():
        (folder / "infrastructure" / name).write_text(json.dumps(document))
    (folder / "functions" / "core").mkdir(parents=True, exist_ok=True)
    (folder / "functions" / "core" / "endpoint.py").write_text(ENDPOINT_SOURCE)
    return folder


def subject(
    folder: Path,
    answers: Mapping[str, Any] | None = None,
    *,
    parameters: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    region: str | None = REGION,
    **more: Any,
) -> Subject:
    account = FakeAccount(answers or {}, region=region)
    environment = Environment("dev", "scrutineer-dev", parameters=parameters or {}, tags=tags or {})
    return Subject(environment, folder, account, **more)


def stack(*resources: tuple[str, str, str], status: str = "CREATE_COMPLETE", **more: Any) -> dict[str, Any]:
    """Answers of CloudFormation for a stack of (logical id, type, physical id)."""
    return {
        "cloudformation.describe_stacks": {
            "Stacks": [
                {"StackName": "scrutineer-dev", "StackId": STACK_ID, "StackStatus": status, **more},
            ]
        },
        "cloudformation.list_stack_resources": {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": logical_id,
                    "ResourceType": kind,
                    "PhysicalResourceId": physical_id,
                    "ResourceStatus": "CREATE_COMPLETE",
                }
                for logical_id, kind, physical_id in resources
            ]
        },
    }


def told(findings: Any) -> list[tuple[str, str]]:
    """Verdicts with their lines, short to compare."""
    return [(finding.verdict.value, finding.line) for finding in findings]


def only(findings: Any) -> Finding:
    (finding,) = findings
    assert isinstance(finding, Finding)
    return finding
