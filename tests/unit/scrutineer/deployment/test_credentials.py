"""Who deploys, and what IAM says of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cfnlint
import pytest

from scrutineer.deployment.checks import credentials
from scrutineer.deployment.creation import CREATES, NOTHING_MADE
from scrutineer.deployment.findings import Verdict
from scrutineer.deployment.resources import expected_resources
from scrutineer.local.settings import ROOT
from tests.unit.scrutineer.deployment.projects import only, project, subject, told

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}


def identity(arn: str) -> dict[str, Any]:
    return {"sts.get_caller_identity": {"Account": "123456789012", "Arn": f"arn:aws:{arn}"}}


def test_who_it_is(tmp_path: Path) -> None:
    folder = project(tmp_path, TOPIC)
    user = subject(folder, identity("iam::123456789012:user/ann"))
    assert told(credentials.credentials(user)) == [("ok", "account 123456789012, region eu-west-1, as user/ann")]
    root = subject(folder, identity("iam::123456789012:root"))
    assert [verdict for verdict, _ in told(credentials.credentials(root))] == ["ok", "warn"]
    nowhere = subject(folder, identity("iam::123456789012:user/ann"), region=None)
    assert only(credentials.credentials(nowhere)).verdict is Verdict.FAIL


def simulated(denied: Mapping[str, str]) -> dict[str, Any]:
    def answer(given: Mapping[str, Any]) -> dict[str, Any]:
        assert given["PolicySourceArn"] == "arn:aws:iam::123456789012:role/path/Deployer"
        return {
            "EvaluationResults": [
                {"EvalActionName": action, "EvalDecision": denied.get(action, "allowed")}
                for action in given["ActionNames"]
            ]
        }

    return {
        **identity("sts::123456789012:assumed-role/Deployer/ann"),
        "iam.get_role": {"Role": {"Arn": "arn:aws:iam::123456789012:role/path/Deployer"}},
        "iam.simulate_principal_policy": answer,
    }


@pytest.mark.parametrize(
    ("denied", "verdict", "words"),
    [
        ({}, Verdict.OK, "actions of a deploy are allowed"),
        (
            {"sns:CreateTopic": "explicitDeny"},
            Verdict.FAIL,
            "forbidden to arn:aws:iam::123456789012:role/path/Deployer: sns:",
        ),
        ({"iam:PassRole": "implicitDeny"}, Verdict.WARN, "not allowed on every resource: iam:PassRole"),
    ],
)
def test_what_they_may(denied: dict[str, str], verdict: Verdict, words: str, tmp_path: Path) -> None:
    found = only(credentials.permissions(subject(project(tmp_path, TOPIC), simulated(denied))))
    assert found.verdict is verdict
    assert words in found.line


def test_a_type_that_nobody_knows_is_told(tmp_path: Path) -> None:
    odd = {"Odd": {"Type": "AWS::Odd::Thing"}, "Own": {"Type": "Custom::Thing"}}
    found = told(credentials.permissions(subject(project(tmp_path, odd), simulated({}))))
    assert found[0] == ("skipped", "what making these takes is not known: AWS::Odd::Thing")


def test_the_root_user_is_not_simulated(tmp_path: Path) -> None:
    asked = subject(project(tmp_path, TOPIC), identity("iam::123456789012:root"))
    assert only(credentials.permissions(asked)).verdict is Verdict.SKIPPED


def schemas() -> dict[str, Any]:
    """What CloudFormation itself says that each type's creation calls."""
    folder = Path(cfnlint.__file__).parent / "data" / "schemas"
    files = json.loads((folder / "providers" / "us-east-1.json").read_text())
    return {
        kind: json.loads((folder / "resources" / f"{files[kind]}.json").read_text()).get("handlers", {})
        for kind in CREATES
    }


def test_each_action_is_one_that_cloudformation_calls() -> None:
    wrong = {
        kind: CREATES[kind]
        for kind, handlers in schemas().items()
        if CREATES[kind].lower() not in {each.lower() for each in handlers["create"]["permissions"]}
    }
    assert wrong == {}


def test_every_type_in_the_repositorys_templates_is_known() -> None:
    known = NOTHING_MADE | set(CREATES)
    everything = {"EgressPath": "true", "HotReads": "dynamodb"}
    unknown = {
        each.type
        for each in expected_resources(ROOT / "template.yaml", everything)
        if each.type not in known and not each.type.startswith("Custom::")
    }
    assert unknown == set(), "scrutineer/deployment/creation.py does not know who may make these"
