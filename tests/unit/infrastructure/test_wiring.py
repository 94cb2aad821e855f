"""The translated stack created in moto by CloudFormation, and followed as a request, a message and a schedule would.

moto's CloudFormation makes no more of a resource than what it has a model for. What it has none for is left out, and
listed here; a nested stack is stood in for by its outputs.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.cloudformation.parsing import get_model_map

from scrutineer.local.intrinsics import Resolver
from scrutineer.local.role_permissions import Need, RolePermissions
from scrutineer.local.stand_ins import NESTED_OUTPUTS

REGION = "eu-west-1"
NESTED = "AWS::CloudFormation::Stack"
# moto makes an API without the routes of its body, so they, and what deploys them, are put there below.
WITHOUT_ROUTES = "AWS::ApiGateway::Deployment"
# Types that moto has no model for, by what becomes of them here.
LEFT_OUT = {
    "AWS::ApiGateway::Account": "one setting of the account, without anything that refers to it",
    "AWS::ApiGateway::Stage": "made below, by API Gateway's own API",
    "AWS::AppConfig::Application": "its number is that of the functions' versions",
    "AWS::AppConfig::ConfigurationProfile": "its number is that of the functions' versions",
    "AWS::AppConfig::HostedConfigurationVersion": "its number is that of the functions' versions",
    "AWS::CloudWatch::Alarm": "observes",
    "AWS::CodeDeploy::Application": "moves aliases",
    "AWS::CodeDeploy::DeploymentGroup": "moves aliases",
    "AWS::Lambda::Alias": "stood in for by its function",
    "AWS::Lambda::EventInvokeConfig": "how often a call that failed is made again",
    "AWS::S3::BucketPolicy": "put below, by S3's own API",
    "Custom::Migration": "runs a function, which moto would do in Docker",
}
PARAMETERS = {
    "HotReads": "dynamodb",
    "ServiceOpens": "06:00",
    "ModelImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scrutineer@sha256:" + "0" * 64,
    "ModelArtifact": "s3://models/model.tar.gz",
}
CALLER = "arn:aws:execute-api:{region}:{account}:{api}/{stage}/{method}{path}"


@dataclass(frozen=True)
class Wired:
    """The stack as it stands in moto. `physical` are CloudFormation's own names by logical id."""

    account: str
    document: Mapping[str, Any]
    physical: Mapping[str, str]
    resolver: Resolver
    api_id: str
    stage: str

    def of_type(self, resource_type: str) -> dict[str, Mapping[str, Any]]:
        """Properties as CloudFormation resolves them, without those whose condition is false."""
        return {
            logical_id: self.resolver.resolve(resource.get("Properties") or {})
            for logical_id, resource in self.document["Resources"].items()
            if resource["Type"] == resource_type and self.resolver.exists(logical_id)
        }

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION)


class Physical:
    """`Ref` and `GetAtt` as the emulated services have them."""

    def __init__(self, physical: Mapping[str, str], attributes: Mapping[tuple[str, str], str]) -> None:
        self._physical = physical
        self._attributes = attributes

    def ref(self, logical_id: str) -> str:
        return self._physical.get(logical_id, logical_id)

    def get_att(self, logical_id: str, attribute: str) -> str:
        return self._attributes.get((logical_id, attribute)) or output(logical_id, attribute)


@pytest.fixture(scope="module")
def wired(document: Mapping[str, Any]) -> Iterator[Wired]:
    with mock_aws():
        yield create(document)


def create(document: Mapping[str, Any]) -> Wired:
    """What moto can make of the stack, and by hand what it makes by its services' own APIs only."""
    account = boto3.client("sts", region_name=REGION).get_caller_identity()["Account"]
    provide_code()
    template = without_what_moto_lacks(document)
    cloudformation = boto3.client("cloudformation", region_name=REGION)
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()]
    cloudformation.create_stack(
        StackName="scrutineer", TemplateBody=json.dumps(template), Parameters=given, Capabilities=["CAPABILITY_IAM"]
    )
    (stack,) = cloudformation.describe_stacks(StackName="scrutineer")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    parameters = {name: declared["Default"] for name, declared in document["Parameters"].items()} | PARAMETERS
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName="scrutineer")
    physical = {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
    }
    attributes = {
        (logical_id, "Arn"): arn_of(resource["Type"], physical[logical_id])
        for logical_id, resource in document["Resources"].items()
        if logical_id in physical
    }
    for logical_id, resource in document["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Alias":
            physical[logical_id] = attributes[function_of(resource), "Arn"]
    resolver = Resolver(document, parameters, Physical(physical, attributes))
    gateway = boto3.client("apigateway", region_name=REGION)
    routes = resolver.resolve(document["Resources"]["Api"]["Properties"]["Body"])
    gateway.put_rest_api(restApiId=physical["Api"], mode="overwrite", body=json.dumps(routes))
    gateway.create_deployment(restApiId=physical["Api"], stageName=parameters["StageName"])
    return Wired(account, document, physical, resolver, physical["Api"], parameters["StageName"])


def test_what_is_left_out_is_known(document: Mapping[str, Any]) -> None:
    types = {resource["Type"] for resource in document["Resources"].values()}
    assert {kind for kind in types if is_left_out(kind) and kind not in LEFT_OUT} == set()


def test_every_function_has_a_role_that_lambda_may_take_and_policies_that_are_there(wired: Wired) -> None:
    iam, sts, functions = wired.client("iam"), wired.client("sts"), wired.client("lambda")
    for logical_id in wired.of_type("AWS::Lambda::Function"):
        role = functions.get_function(FunctionName=wired.physical[logical_id])["Configuration"]["Role"]
        found = iam.get_role(RoleName=role.rpartition("/")[2])["Role"]
        (statement,) = found["AssumeRolePolicyDocument"]["Statement"]
        assert (statement["Action"], statement["Principal"]) == ("sts:AssumeRole", {"Service": "lambda.amazonaws.com"})
        assert sts.assume_role(RoleArn=role, RoleSessionName="wiring")["Credentials"]["AccessKeyId"]


def test_every_policy_is_one_that_iam_takes(wired: Wired) -> None:
    """moto's IAM holds a document to the grammar of policies, its CloudFormation does not: so it is put once more."""
    iam, put = wired.client("iam"), 0
    for logical_id, role in wired.of_type("AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            document = json.dumps(policy["PolicyDocument"])
            assert "Fn::" not in document, logical_id
            iam.put_role_policy(
                RoleName=wired.physical[logical_id], PolicyName=policy["PolicyName"], PolicyDocument=document
            )
            put += 1
    for logical_id, policy in wired.of_type("AWS::IAM::ManagedPolicy").items():
        iam.create_policy(PolicyName=logical_id, PolicyDocument=json.dumps(policy["PolicyDocument"]))
        put += 1
    assert put > 20


def test_every_address_in_a_functions_environment_leads_somewhere(wired: Wired) -> None:
    sqs, s3, dynamodb = wired.client("sqs"), wired.client("s3"), wired.client("dynamodb")
    followed = set()
    for logical_id in wired.of_type("AWS::Lambda::Function"):
        found = wired.client("lambda").get_function(FunctionName=wired.physical[logical_id])["Configuration"]
        for name, value in found["Environment"]["Variables"].items():
            if name.endswith("QUEUE_URL") or name.endswith("DEAD_LETTERS_URL"):
                assert sqs.get_queue_attributes(QueueUrl=value, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
                followed.add("queue")
            elif name == "BUCKET":
                s3.head_bucket(Bucket=value)
                followed.add("bucket")
            elif name == "HOT_RESULTS_TABLE":
                assert dynamodb.describe_table(TableName=value)["Table"]["TableStatus"] == "ACTIVE"
                followed.add("table")
            assert "Fn::" not in str(value), (logical_id, name)
    assert followed == {"queue", "bucket", "table"}


def test_every_route_leads_to_a_function_that_api_gateway_may_call(wired: Wired) -> None:
    """Route → integration → function → its permission for exactly that method of this API."""
    gateway = wired.client("apigateway")
    followed = 0
    for resource in resources_of(gateway, wired.api_id):
        for method in resource.get("resourceMethods", {}):
            integration = gateway.get_integration(restApiId=wired.api_id, resourceId=resource["id"], httpMethod=method)
            assert integration["type"].upper() == "AWS_PROXY"
            function = re.fullmatch(
                r"arn:aws:apigateway:[\w-]+:lambda:path/2015-03-31/functions/(.+)/invocations", integration["uri"]
            )
            assert function, integration["uri"]
            # A route says ANY where every method goes to the function.
            asked = CALLER.format(
                region=REGION,
                account=wired.account,
                api=wired.api_id,
                stage=wired.stage,
                method="*" if method == "ANY" else method,
                path=re.sub(r"\{[^}]+}", "x", resource["path"]),
            )
            assert may_invoke(wired, function[1], "apigateway.amazonaws.com", asked), (method, resource["path"])
            followed += 1
    assert followed == sum(len(methods) for methods in body(wired)["paths"].values())


def test_the_authorizer_is_a_function_that_api_gateway_may_call(wired: Wired) -> None:
    (scheme,) = [
        each
        for each in body(wired)["components"]["securitySchemes"].values()
        if "x-amazon-apigateway-authorizer" in each
    ]
    uri = scheme["x-amazon-apigateway-authorizer"]["authorizerUri"]
    function = uri.partition("functions/")[2].removesuffix("/invocations")
    assert function == wired.resolver.resolve({"Fn::GetAtt": ["AuthorizerFunction", "Arn"]})
    any_authorizer = f"arn:aws:execute-api:{REGION}:{wired.account}:{wired.api_id}/authorizers/abcdef"
    assert may_invoke(wired, function, "apigateway.amazonaws.com", any_authorizer)


def test_a_key_of_a_plan_opens_the_stage(wired: Wired) -> None:
    """As the functions make them: a plan of this stage, a key with a client's id as its value."""
    gateway = wired.client("apigateway")
    environment = wired.client("lambda").get_function(FunctionName=wired.physical["ReconcileFunction"])[
        "Configuration"
    ]["Environment"]["Variables"]
    opened = {"apiId": environment["API_ID"], "stage": environment["API_STAGE"]}
    assert opened == {"apiId": wired.api_id, "stage": wired.stage}
    plan = gateway.create_usage_plan(name="standard", apiStages=[opened])
    key = gateway.create_api_key(name="client", value="client_aaaaaaaaaaaaaaaaaaaaaaaaaa", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    (found,) = gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]
    assert found["value"] == "client_aaaaaaaaaaaaaaaaaaaaaaaaaa"


def test_every_mapping_takes_from_a_queue_that_its_function_may_read(wired: Wired) -> None:
    found = {
        (mapping["EventSourceArn"].rpartition(":")[2], mapping["FunctionArn"].rpartition(":")[2]): mapping
        for mapping in wired.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    }
    names = {
        (stage(queue), stage(function)): (queue, function)
        for queue, function in found
    }  # fmt: skip
    assert {(queue, function) for queue, function in names} == {
        ("SpreadQueue", "SpreadFunction"),
        ("PrecheckQueue", "PrecheckFunction"),
        ("PrecheckBulkQueue", "PrecheckFunction"),
        ("InvokeQueue", "InvokeFunction"),
        ("InvokeBulkQueue", "InvokeFunction"),
        ("FormatQueue", "FormatFunction"),
        ("NotifyQueue", "NotifyFunction"),
    }


def test_a_message_that_always_fails_ends_among_the_dead_letters(wired: Wired) -> None:
    sqs, functions = wired.client("sqs"), wired.client("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    for logical_id, properties in wired.of_type("AWS::SQS::Queue").items():
        if "RedrivePolicy" not in properties:
            continue
        url = wired.physical[logical_id]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        redrive = json.loads(found["RedrivePolicy"])
        dead = sqs.get_queue_url(QueueName=redrive["deadLetterTargetArn"].rpartition(":")[2])["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=f"always fails in {logical_id}")
        for _ in range(int(redrive["maxReceiveCount"]) + 1):
            sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
        (letter,) = sqs.receive_message(QueueUrl=dead, VisibilityTimeout=0)["Messages"]
        assert letter["Body"] == f"always fails in {logical_id}"
        sqs.delete_message(QueueUrl=dead, ReceiptHandle=letter["ReceiptHandle"])
        assert found["KmsMasterKeyId"] == wired.physical["DataKey"]


def test_every_schedule_calls_a_function_that_lets_it(wired: Wired) -> None:
    events = wired.client("events")
    called = set()
    for rule in events.list_rules()["Rules"]:
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            assert may_invoke(wired, target["Arn"], "events.amazonaws.com", rule["Arn"]), rule["Name"]
            called.add(stage(target["Arn"].rpartition(":")[2]))
    assert called >= {"SweeperFunction", "ArchiveFunction", "NotifyFunction", "RetentionFunction", "ReconcileFunction"}


def test_what_is_kept_is_closed_by_the_stacks_key(wired: Wired) -> None:
    (found,) = wired.client("kms").list_keys()["Keys"]
    key = found["KeyArn"]
    assert found["KeyId"] == wired.physical["DataKey"]
    s3, bucket = wired.client("s3"), wired.physical["InspectionBucket"]
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert {group["retentionInDays"] for group in wired.client("logs").describe_log_groups()["logGroups"]} == {30}


def test_the_buckets_own_settings_are_ones_that_s3_takes(wired: Wired) -> None:
    """moto's CloudFormation leaves them out: put as they are resolved, and read back."""
    s3, bucket = wired.client("s3"), wired.physical["InspectionBucket"]
    properties = wired.of_type("AWS::S3::Bucket")["InspectionBucket"]
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
    )
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    (policy,) = wired.of_type("AWS::S3::BucketPolicy").values()
    s3.put_bucket_policy(Bucket=policy["Bucket"], Policy=json.dumps(policy["PolicyDocument"]))
    (deny,) = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert set(deny["Resource"]) == {f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={"Rules": [as_s3_says(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]},
    )
    days = {
        rule["Filter"]["Prefix"]: rule["Expiration"]["Days"]
        for rule in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        if "Expiration" in rule
    }
    assert (days["photos/"], days["captures/"], days["results/"]) == (30, 365, 1095)


def provide_code() -> None:
    """What the translator names as the functions' code."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("app.py", "")
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="local", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="local", Key="code.zip", Body=packed.getvalue())


def without_what_moto_lacks(document: Mapping[str, Any]) -> dict[str, Any]:
    """Without the types above and the nested stacks, whose outputs are the local stack's."""
    gone = {
        name: function_of(resource) if resource["Type"] == "AWS::Lambda::Alias" else ""
        for name, resource in document["Resources"].items()
        if is_left_out(resource["Type"]) or resource["Type"] in (NESTED, WITHOUT_ROUTES)
    }
    kept = {name: stood_in(resource, gone) for name, resource in document["Resources"].items() if name not in gone}
    # CloudFormation takes the name from the body's title, moto from here; and it does not read the body.
    kept["Api"]["Properties"] = {"Name": "scrutineer", **kept["Api"]["Properties"], "Body": {}}
    return {
        **{name: part for name, part in document.items() if name not in ("Outputs", "Rules", "Metadata", "Resources")},
        "Resources": kept,
    }


def is_left_out(resource_type: str) -> bool:
    return resource_type not in get_model_map() and resource_type != NESTED


def function_of(alias: Mapping[str, Any]) -> str:
    name: str = alias["Properties"]["FunctionName"]["Ref"]
    return name


def stood_in(node: Any, gone: Mapping[str, str]) -> Any:
    """`gone` are the resources that are not there, with what stands in for their Ref."""
    if isinstance(node, Mapping):
        match node:
            case {"Fn::GetAtt": [str(name), str(attribute)]} if name in gone:
                return output(name, attribute)
            case {"Ref": str(name)} if name in gone:
                return {"Fn::GetAtt": [gone[name], "Arn"]} if gone[name] else name
        return {name: stood_in(value, gone) for name, value in node.items() if name != "DependsOn"}
    if isinstance(node, str):
        return re.sub(r"\$\{(\w+)\.([\w.]+)}", lambda one: output(one[1], one[2]) if one[1] in gone else one[0], node)
    return [stood_in(value, gone) for value in node] if isinstance(node, list) else node


def output(stack: str, attribute: str) -> str:
    """A nested stack's output, as the local stack stands in for it."""
    name = attribute.removeprefix("Outputs.")
    return NESTED_OUTPUTS.get((stack, name), f"{stack}-{name}".lower())


def arn_of(resource_type: str, physical_id: str) -> str:
    match resource_type:
        case "AWS::Lambda::Function":
            found = boto3.client("lambda", region_name=REGION).get_function(FunctionName=physical_id)
            return str(found["Configuration"]["FunctionArn"])
        case "AWS::SQS::Queue":
            sqs = boto3.client("sqs", region_name=REGION)
            found = sqs.get_queue_attributes(QueueUrl=physical_id, AttributeNames=["QueueArn"])
            return str(found["Attributes"]["QueueArn"])
        case "AWS::S3::Bucket":
            return f"arn:aws:s3:::{physical_id}"
        case "AWS::KMS::Key":
            (found,) = boto3.client("kms", region_name=REGION).list_keys()["Keys"]
            return str(found["KeyArn"])
        case "AWS::Logs::LogGroup":
            (group,) = boto3.client("logs", region_name=REGION).describe_log_groups(logGroupNamePrefix=physical_id)[
                "logGroups"
            ]
            return str(group["arn"])
        case "AWS::DynamoDB::Table":
            found = boto3.client("dynamodb", region_name=REGION).describe_table(TableName=physical_id)
            return str(found["Table"]["TableArn"])
    return physical_id


def body(wired: Wired) -> Any:
    return wired.resolver.resolve(wired.document["Resources"]["Api"]["Properties"]["Body"])


def resources_of(gateway: Any, api_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gateway.get_resources(restApiId=api_id, limit=500)["items"]
    return found


def may_invoke(wired: Wired, function: str, service: str, source: str) -> bool:
    """By the function's own policy, as the resources `AWS::Lambda::Permission` made it."""
    policy = json.loads(wired.client("lambda").get_policy(FunctionName=function)["Policy"])
    return any(
        statement["Principal"] == {"Service": service}
        and statement["Action"] == "lambda:InvokeFunction"
        and RolePermissions(
            [{"Effect": "Allow", "Action": "x", "Resource": statement["Condition"]["ArnLike"]["AWS:SourceArn"]}]
        ).allowing(Need("x", source, {}))
        for statement in policy["Statement"]
    )


def stage(physical_id: str) -> str:
    """The logical id in a name that CloudFormation made: scrutineer-SpreadQueue-1ABC."""
    return physical_id.split("-")[1]


def as_s3_says(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A lifecycle rule by the API's names, which are not CloudFormation's."""
    said: dict[str, Any] = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "ExpirationInDays" in rule:
        said["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if "AbortIncompleteMultipartUpload" in rule:
        said["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    return said
