"""The way from a commit to prod: no key that lasts, nothing that moves by itself, and a role for each environment."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import ManualArgs, lint_file
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

ISSUER = "token.actions.githubusercontent.com"
CREDENTIALS = re.compile(r"aws-(access-key-id|secret-access-key)|AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY)|\bsecrets\.")


@pytest.fixture(scope="module")
def workflows(root: Path) -> Mapping[str, Any]:
    return {path.stem: loaded(path) for path in sorted((root / ".github" / "workflows").glob("*.yml"))}


@pytest.fixture(scope="module")
def delivery(nested: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = nested["delivery.yaml"]["Resources"]
    return found


def test_every_action_is_named_by_its_commit(root: Path) -> None:
    found = [line.strip() for path in (root / ".github").rglob("*.yml") for line in uses(path)]
    assert found
    for line in found:
        assert re.fullmatch(r"(- )?uses: (\./\.github/\S+|[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)", line), line


def test_an_action_has_one_commit(root: Path) -> None:
    commits: dict[str, set[str]] = {}
    for path in (root / ".github").rglob("*.yml"):
        for line in uses(path):
            action, _, commit = line.partition("uses: ")[2].partition("@")
            commits.setdefault(action, set()).add(commit)
    assert {action: found for action, found in commits.items() if len(found) > 1} == {}


def test_no_key_of_aws_is_kept(root: Path) -> None:
    for path in (root / ".github").rglob("*.yml"):
        assert not CREDENTIALS.search(path.read_text()), path.name


def test_a_job_may_do_what_it_says_and_ends(workflows: Mapping[str, Any]) -> None:
    for name, workflow in workflows.items():
        assert workflow["permissions"] in ({}, {"contents": "read"}), name
        for job_name, job in workflow["jobs"].items():
            called = job.get("uses", "").startswith("./")
            assert called or "timeout-minutes" in job, (name, job_name)
            for scope, right in job.get("permissions", {}).items():
                assert right == "read" or scope == "id-token", (name, job_name)


def test_no_input_is_pasted_into_a_script(workflows: Mapping[str, Any]) -> None:
    jobs = [job for workflow in workflows.values() for job in workflow["jobs"].values()]
    scripts = [step["run"] for job in jobs for step in job.get("steps", []) if "run" in step]
    assert scripts
    assert [script for script in scripts if "${{" in script] == []


def test_what_is_tested_is_built_and_what_is_built_goes_to_dev_before_prod(workflows: Mapping[str, Any]) -> None:
    jobs = workflows["deliver"]["jobs"]
    assert jobs["build"]["needs"] == "check"
    assert set(jobs["dev"]["needs"]) >= {"build"}
    assert set(jobs["prod"]["needs"]) >= {"dev"}
    assert {name: jobs[name]["with"]["environment"] for name in ("dev", "prod")} == {"dev": "dev", "prod": "prod"}
    assert jobs["dev"]["with"] | {"environment": ""} == jobs["prod"]["with"] | {"environment": ""}


def test_two_deploys_of_an_environment_never_run_at_once(workflows: Mapping[str, Any]) -> None:
    (job,) = workflows["deploy"]["jobs"].values()
    assert job["environment"] == "${{ inputs.environment }}"
    assert job["concurrency"] == {"group": "deploy-${{ inputs.environment }}", "cancel-in-progress": False}
    assert workflows["deliver"]["concurrency"]["cancel-in-progress"] is False


def test_the_way_back_is_in_the_job_that_failed(workflows: Mapping[str, Any]) -> None:
    (job,) = workflows["deploy"]["jobs"].values()
    forth, back = [step for step in job["steps"] if step.get("uses") == "./.github/actions/release"]
    assert "if" not in forth
    assert back["if"] == "failure() && inputs.back-run-id != ''"


def test_variables_and_roles_are_those_that_the_guide_names(root: Path) -> None:
    guide = (root / "docs" / "deploy.md").read_text()
    text = "".join(path.read_text() for path in (root / ".github").rglob("*.yml"))
    for name in set(re.findall(r"\bvars\.(\w+)", text)):
        assert f"`{name}`" in guide, name


@pytest.mark.parametrize("role", ["Build", "Dev", "Prod"])
def test_githubs_role_is_for_one_environment_of_one_repository(role: str, delivery: Mapping[str, Any]) -> None:
    (statement,) = delivery[f"{role}Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            f"{ISSUER}:aud": "sts.amazonaws.com",
            f"{ISSUER}:sub": {"Fn::Sub": f"repo:${{GitHubRepository}}:environment:{role.lower()}"},
        }
    }


def test_who_comes_from_a_service_comes_for_this_account(delivery: Mapping[str, Any]) -> None:
    for logical_id, resource in delivery.items():
        if resource["Type"] == "AWS::IAM::Role":
            (statement,) = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            if statement["Principal"].get("Service") in ("codebuild.amazonaws.com", "codepipeline.amazonaws.com"):
                assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}, (
                    logical_id
                )


@pytest.mark.parametrize(("one", "other"), [("Dev", "Prod"), ("Prod", "Dev")])
def test_dev_and_prod_may_do_the_same_and_nothing_to_each_other(
    one: str, other: str, delivery: Mapping[str, Any]
) -> None:
    for kind in ("Policy", "ExecutionRole", "Project"):
        text = json.dumps(delivery[f"{one}{kind}"])
        assert other.lower() not in text.lower(), kind
        swapped = text.replace(one, other).replace(one.lower(), other.lower())
        assert json.loads(swapped) == delivery[f"{other}{kind}"], kind


def test_roles_that_cloudformation_makes_are_the_stacks_own(delivery: Mapping[str, Any]) -> None:
    for stage in ("Dev", "Prod"):
        (policy,) = delivery[f"{stage}ExecutionRole"]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]:
            name = statement["Resource"]["Fn::Sub"].rpartition(":")[2]
            assert name in (f"role/${{{stage}Stack}}-*", f"policy/${{{stage}Stack}}-*"), statement["Sid"]


def test_cloudformation_may_do_with_roles_what_it_says_that_it_needs(
    delivery: Mapping[str, Any], document: Mapping[str, Any], nested: Mapping[str, Mapping[str, Any]]
) -> None:
    """By the permissions in AWS's own schemas. PowerUserAccess has the rest, and of IAM no more than linked roles."""
    below = {Path(each["Properties"]["TemplateURL"]).name for each in stacks(document)}
    made = [*document["Resources"].values(), *(each for name in below for each in nested[name]["Resources"].values())]
    types = {each["Type"] for each in made if each["Type"].startswith("AWS::IAM::")}
    assert types == {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}
    needed = {
        action
        for each in types
        for name, handler in PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", each).schema["handlers"].items()
        for action in handler["permissions"]
        if name != "list" and not re.search("Group|User|PermissionsBoundary", action)
    }
    for stage in ("Dev", "Prod"):
        (policy,) = delivery[f"{stage}ExecutionRole"]["Properties"]["Policies"]
        granted = {action for each in policy["PolicyDocument"]["Statement"] for action in each["Action"]}
        assert needed <= granted


def test_the_pipeline_takes_the_same_way(delivery: Mapping[str, Any]) -> None:
    stages = delivery["Pipeline"]["Properties"]["Stages"]
    assert [stage["Name"] for stage in stages] == ["Source", "Build", "Dev", "Approval", "Prod"]
    assert {stage["Name"] for stage in stages if stage.get("OnFailure") == {"Result": "ROLLBACK"}} == {"Dev", "Prod"}
    assert stages[3]["Actions"][0]["ActionTypeId"]["Category"] == "Approval"


def test_buildspecs_and_scripts_are_there(root: Path, delivery: Mapping[str, Any]) -> None:
    for resource in delivery.values():
        if resource["Type"] == "AWS::CodeBuild::Project":
            spec = loaded(root / resource["Properties"]["Source"]["BuildSpec"])
            assert spec["version"] == 0.2
    for script in (root / "infrastructure" / "buildspecs").glob("*.sh"):
        assert os.access(script, os.X_OK), script.name
        assert subprocess.run(["bash", "-n", script], check=False).returncode == 0, script.name


@pytest.mark.parametrize("delivered_by", ["github", "codepipeline"])
def test_each_way_of_delivering_lints(delivered_by: str, root: Path) -> None:
    parameters = {"Delivery": delivered_by, "GitHubRepository": "owner/name", "ImageRepository": "endpoint"}
    found = lint_file(
        root / "infrastructure" / "delivery.yaml", config=ManualArgs(regions=["eu-west-1"], parameters=[parameters])
    )
    assert [f"{match.rule.id} {match.message} at {match.path}" for match in found] == []


def stacks(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (each for each in template["Resources"].values() if each["Type"] == "AWS::CloudFormation::Stack")


def uses(path: Path) -> Iterator[str]:
    return (line.strip() for line in path.read_text().splitlines() if re.match(r"\s*(- )?uses: ", line))


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())
