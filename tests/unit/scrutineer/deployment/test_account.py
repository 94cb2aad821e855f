"""The account by boto3: against moto's server, and every way in which a call can fail, in one line."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions as boto
import pytest
from botocore.parsers import ResponseParserError
from moto.server import ThreadedMotoServer

from scrutineer.deployment.account import BotoAccount, CouldNotLook, NotSignedIn, Refused, _translated, action
from scrutineer.deployment.change_set import changes
from scrutineer.deployment.checks import CHECKS, credentials, deployed, inputs, leftovers, offers, timeouts
from scrutineer.deployment.doctor import examine
from scrutineer.deployment.environment import Environment
from scrutineer.deployment.findings import Verdict
from scrutineer.deployment.stack import read_stack
from scrutineer.deployment.subject import Subject
from scrutineer.errors import UserError
from scrutineer.local.settings import ROOT
from tests.unit.scrutineer.deployment.projects import project, told
from tests.unit.scrutineer.deployment.test_inputs import CONTENT, DECLARED, SHA
from tests.unit.scrutineer.deployment.test_quotas import ENDPOINT

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "canary-secret"}
TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def account(url: str) -> BotoAccount:
    return BotoAccount(region="eu-west-1", endpoint_url=url, keys=KEYS)


def examined(folder: Path, account: BotoAccount, name: str = "scrutineer-dev", **parameters: str) -> Subject:
    return Subject(Environment("dev", name, parameters=parameters), folder, account)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (boto.ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeVpcs"), CouldNotLook, "needs ec2:DescribeVpcs"),
        (boto.ClientError({"Error": {"Code": "ExpiredToken"}}, "DescribeVpcs"), NotSignedIn, "ExpiredToken"),
        (boto.ClientError({"Error": {"Code": "Odd", "Message": "a\nb"}}, "DescribeVpcs"), Refused, "Odd: a b"),
        (boto.NoCredentialsError(), NotSignedIn, "no credentials"),
        (boto.NoRegionError(), NotSignedIn, "--region"),
        (boto.UnauthorizedSSOTokenError(), NotSignedIn, "sign-in has ended"),
        (boto.ConnectTimeoutError(endpoint_url="https://ec2"), CouldNotLook, "no answer from ec2"),
        (boto.EndpointConnectionError(endpoint_url="https://ec2"), CouldNotLook, "no answer from ec2"),
        (ResponseParserError("<html>\n"), CouldNotLook, "what answered for ec2 is not AWS"),
        (boto.ParamValidationError(report="x\ny"), CouldNotLook, "x y"),
    ],
)
def test_each_failure_is_one_line(error: Exception, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as caught, _translated("ec2", "describe_vpcs"):
        raise error
    assert "\n" not in str(caught.value)


def test_a_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(KeyError), _translated("ec2", "describe_vpcs"):
        raise KeyError("ours")


@pytest.mark.parametrize(
    ("service", "operation", "name"),
    [
        ("service-quotas", "GetServiceQuota", "servicequotas:GetServiceQuota"),
        ("application-autoscaling", "DescribeScalableTargets", "application-autoscaling:DescribeScalableTargets"),
        ("resourcegroupstaggingapi", "GetResources", "tag:GetResources"),
        ("s3", "HeadObject", "s3:GetObject"),
        ("lambda", "GetAlias", "lambda:GetAlias"),
    ],
)
def test_the_permission_is_named_as_iam_names_it(service: str, operation: str, name: str) -> None:
    assert action(service, operation) == name


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        account = BotoAccount(region="eu-west-1", endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}", keys=KEYS)
        with pytest.raises(CouldNotLook, match="no answer from sts") as caught:
            account.ask("sts", "get_caller_identity")
    assert "canary-secret" not in str(caught.value)


def test_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(NotSignedIn, match="no credentials"):
        BotoAccount(region="eu-west-1").ask("sts", "get_caller_identity")
    with pytest.raises(NotSignedIn, match="nobody"):
        BotoAccount(profile="nobody").ask("sts", "get_caller_identity")


def test_identity_and_image_and_artifact(account: BotoAccount, tmp_path: Path) -> None:
    folder = project(tmp_path, TOPIC, declared=DECLARED)
    (who,) = credentials.credentials(examined(folder, account))
    assert "region eu-west-1" in who.line
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scrutineer@sha256:" + "a" * 64
    artifact = "s3://models/internvl/model.tar.gz"
    asked = examined(folder, account, ModelImage=image, ModelArtifact=artifact)
    assert told(inputs.image(asked)) == [("fail", "no such repository in ECR: scrutineer@sha256:aaaaaaaaaaaa…")]
    account.ask("ecr", "create_repository", repositoryName="scrutineer")
    assert told(inputs.image(asked)) == [("fail", "no such image in ECR: scrutineer@sha256:aaaaaaaaaaaa…")]
    assert told(inputs.artifact(asked)) == [("fail", f"there is no {artifact}")]
    account.ask("s3", "create_bucket", Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    account.ask(
        "s3", "put_object", Bucket="models", Key="internvl/model.tar.gz", Body=CONTENT, ChecksumAlgorithm="SHA256"
    )
    (found,) = inputs.artifact(asked)
    assert (found.verdict.value, SHA[:12] in found.line) == ("ok", True)
    account.ask("s3", "put_object", Bucket="models", Key="internvl/model.tar.gz", Body=b"x", Metadata={"sha256": SHA})
    assert [verdict for verdict, _ in told(inputs.artifact(asked))] == ["ok"]
    assert told(inputs.photo_buckets(examined(folder, account, PhotoBuckets="nowhere-1"))) == [
        ("fail", "there is no bucket nowhere-1")
    ]


def test_offers(account: BotoAccount, tmp_path: Path) -> None:
    folder = project(tmp_path, ENDPOINT)
    assert told(offers.instance_types(examined(folder, account))) == [
        ("ok", "g5.xlarge is offered in eu-west-1a, eu-west-1b, eu-west-1c")
    ]
    assert [verdict for verdict, _ in told(offers.zones(examined(folder, account)))] == ["ok"]


QUEUE = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 450}}}


def test_a_stack_its_queue_and_a_change_set(account: BotoAccount, url: str, tmp_path: Path) -> None:
    folder = project(tmp_path, QUEUE)
    body = plain(folder)
    assert read_stack(account, "changing") is None
    account.ask("cloudformation", "create_stack", StackName="changing", TemplateBody=body)
    found = read_stack(account, "changing")
    assert found is not None
    assert (found.status, [each.path for each in found.resources]) == ("CREATE_COMPLETE", ["Queue"])
    asked = examined(folder, account, "changing")
    assert told(deployed.settled(asked)) == [("ok", "all 1 resources in the stack and 0 nested ones")]
    assert told(timeouts.in_stack(asked))[0][0] == "ok"
    sam = fake_sam(tmp_path, url, body.replace("450", "900"))
    (change,) = changes(asked.environment, account, folder, [str(sam)])
    assert (change.action, change.resource, change.type) == ("Modify", "Queue", "AWS::SQS::Queue")
    left = account.ask("cloudformation", "list_change_sets", StackName="changing")["Summaries"]
    assert left == []


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_shows_what_would_change(
    as_json: bool, account: BotoAccount, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"planned-{as_json}"
    folder = project(tmp_path, QUEUE)
    account.ask("cloudformation", "create_stack", StackName=name, TemplateBody=plain(folder))
    sam = fake_sam(tmp_path, url, plain(folder).replace("450", "900"))
    words = ["plan", "--project", str(folder), "--stack", name, "--sam", str(sam), *(["--json"] if as_json else [])]
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "t",
        "AWS_SECRET_ACCESS_KEY": "t",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)

    def planned() -> str:
        asked = [sys.executable, "-m", "scrutineer", *words]
        return subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert ('"changes": null' if as_json else "nothing is built: `sam build` comes first") in planned()
    built = folder / ".aws-sam" / "build" / "template.yaml"
    built.parent.mkdir(parents=True)
    built.write_text("")
    shown = planned()
    if as_json:
        (change,) = json.loads(shown)["changes"]
        assert (change["action"], change["resource"]) == ("Modify", "Queue")
    else:
        assert "Modify" in shown
        assert "What would change:" in shown


def plain(folder: Path) -> str:
    """The template without its transform, which moto does not know."""
    return (folder / "template.yaml").read_text().replace('"Transform": "AWS::Serverless-2016-10-31", ', "")


def fake_sam(folder: Path, url: str, body: str) -> Path:
    sam = folder / "sam"
    sam.write_text(SAM.format(url=url, body=body, python=sys.executable))
    sam.chmod(0o755)
    return sam


# What SAM does with --no-execute-changeset, as far as CloudFormation notices it.
SAM = """#!{python}
import boto3, sys
assert "--no-execute-changeset" in sys.argv and sys.argv[1] == "deploy"
client = boto3.client(
    "cloudformation", endpoint_url="{url}", region_name="eu-west-1", aws_access_key_id="t", aws_secret_access_key="t"
)
made = client.create_change_set(
    StackName=sys.argv[sys.argv.index("--stack-name") + 1],
    ChangeSetName="samcli-deploy1",
    ChangeSetType="UPDATE",
    TemplateBody='''{body}''',
)
print("Changeset created successfully. " + made["Id"])
"""


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("#!/bin/sh\necho 'Error: No changes to deploy. Stack x is up to date'", None),
        ("#!/bin/sh\necho reading\necho 'Error: S3 Bucket not specified' >&2\nexit 1", "S3 Bucket not specified"),
        ("#!/bin/sh\nexit 3", "exit code 3"),
        (None, "--sam says where"),
    ],
)
def test_what_sam_says_where_it_makes_no_change_set(
    script: str | None, words: str | None, account: BotoAccount, tmp_path: Path
) -> None:
    sam = tmp_path / "sam"
    if script is not None:
        sam.write_text(script)
        sam.chmod(0o755)
    environment = Environment("dev", "s", parameters={"LogLevel": "INFO"})
    if words is None:
        assert changes(environment, account, tmp_path, [str(sam)]) == []
        return
    with pytest.raises(UserError, match=words):
        changes(environment, account, tmp_path, [str(sam)])


def test_scaling_left_on_an_endpoint_that_is_gone(account: BotoAccount, tmp_path: Path) -> None:
    asked = examined(project(tmp_path, TOPIC), account)
    assert told(leftovers.scalable_targets(asked)) == [("ok", "each has what it scales")]
    model: dict[str, Any] = {"Image": "x", "ModelDataUrl": "s3://b/k"}
    account.ask(
        "sagemaker",
        "create_model",
        ModelName="m",
        PrimaryContainer=model,
        ExecutionRoleArn="arn:aws:iam::1:role/roleroleroleroler",
    )
    variant = {"VariantName": "main", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.xlarge"}
    account.ask("sagemaker", "create_endpoint_config", EndpointConfigName="c", ProductionVariants=[variant])
    account.ask("sagemaker", "create_endpoint", EndpointName="e", EndpointConfigName="c")
    account.ask(
        "application-autoscaling",
        "register_scalable_target",
        ServiceNamespace="sagemaker",
        ResourceId="endpoint/e/variant/main",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        MinCapacity=1,
        MaxCapacity=2,
    )
    assert told(leftovers.scalable_targets(asked)) == [("ok", "each has what it scales")]
    account.ask("sagemaker", "delete_endpoint", EndpointName="e")
    assert told(leftovers.scalable_targets(asked)) == [
        ("fail", "registered on endpoint/e/variant/main, which is not there")
    ]


def test_tagged_and_in_no_stack(account: BotoAccount, tmp_path: Path) -> None:
    asked = examined(project(tmp_path, TOPIC), account, "gone")
    assert told(leftovers.billed(asked)) == [("ok", "nothing with the stack's tags is outside of it")]
    account.ask(
        "s3", "create_bucket", Bucket="left-behind", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    tags = {"TagSet": [{"Key": "aws:cloudformation:stack-name", "Value": "gone"}]}
    with pytest.raises(CouldNotLook):
        account.ask("s3", "put_bucket_tagging", Bucket="left-behind", Tagging=tags)
    tags["TagSet"][0]["Key"] = "application"
    account.ask("s3", "put_bucket_tagging", Bucket="left-behind", Tagging=tags)
    tagged = Subject(Environment("dev", "gone", tags={"application": "gone"}), tmp_path, account)
    assert told(leftovers.billed(tagged)) == [
        ("warn", "a bucket is in no stack any more: left-behind (kept on purpose; it bills)")
    ]


def test_the_whole_examination_breaks_at_no_answer(account: BotoAccount) -> None:
    """moto answers much, and what it does not know it answers with a page of HTML, as a proxy would."""
    given = {
        "ModelImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/nothing@sha256:" + "a" * 64,
        "ModelArtifact": "s3://nothing-there/model.tar.gz",
        "ModelDigest": "0" * 64,
    }
    asked = Subject(Environment("dev", "never-made", parameters=given), ROOT, account)
    found = list(examine(CHECKS, asked))
    assert [each for each in found if "itself in error" in each.line] == []
    looked = {each.check for each in found if each.verdict is not Verdict.SKIPPED}
    assert {
        "credentials",
        "stack",
        "zones",
        "instance type",
        "quotas",
        "image",
        "artifact",
        "scalable targets",
    } <= looked
    assert "could not look: what answered for iam is not AWS" in [each.line for each in found]
    assert all(len(each.line) < 400 for each in found)
