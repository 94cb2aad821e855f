"""The endpoint's template, resolved for every combination of its parameters and held to AWS's own API models."""

import ast
import fnmatch
import functools
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from moto import mock_aws

from scrutineer.local.errors import TemplateInvalid
from scrutineer.local.intrinsics import Resolver
from tests.unit.infrastructure.resolving import NoAttributes, resources

GIVEN = {
    "Way": "components",
    "Suffix": "1a2b3c4d",
    "ModelImage": f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/scrutineer@sha256:{'0' * 64}",
    "ModelArtifact": "s3://models/internvl/model.tar.gz",
    "ModelDigest": "d" * 64,
    "InstanceType": "ml.g5.xlarge",
    "FallbackInstanceTypes": "",
    "InstanceCount": 2,
    "InstanceLimit": 15,
    "Accelerators": 1,
    "MemoryMb": 1024,
    "ConcurrencyPerCopy": 10,
    "BacklogPerCopy": 20,
    "QueueName": "invoke",
    "BulkQueueName": "invoke-bulk",
    "Bucket": "inspections",
    "KeyArn": "arn:aws:kms:eu-west-1:000000000000:key/1",
    "KeepsHours": "true",
    "Warms": "cron(50 5 * * ? *)",
    "Closes": "cron(0 0 * * ? *)",
    "Timezone": "Asia/Kolkata",
    "LogRetentionDays": 30,
}
KNOWN = {
    "Copies.Count": 1,
    "Component": "arn:aws:sagemaker:eu-west-1:000000000000:inference-component/inspect-model-1a2b3c4d",
    "VariantEndpoint.EndpointName": "inspect-variants-1a2b3c4d",
}
WAYS = ["components", "variants", "asynchronous"]
COMBINATIONS = [
    {"Way": way, "FallbackInstanceTypes": fallback, "KeepsHours": hours, "InstanceCount": count}
    for way, fallback, hours, count in itertools.product(
        WAYS, ["", "ml.g6.xlarge", "ml.g6.xlarge,ml.g5.2xlarge"], ["true", "false"], [0, 2]
    )
    if (way, count) != ("variants", 0)
]
# Resource: (service, operation, how its properties become the operation's parameters).
CALLS: Mapping[str, tuple[str, str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "Model": ("sagemaker", "CreateModel", lambda made: {"ModelName": "m", **made}),
    "ComponentConfiguration": ("sagemaker", "CreateEndpointConfig", lambda made: {"EndpointConfigName": "c", **made}),
    "VariantConfiguration": ("sagemaker", "CreateEndpointConfig", lambda made: {"EndpointConfigName": "c", **made}),
    "ComponentEndpoint": ("sagemaker", "UpdateEndpoint", dict),
    "VariantEndpoint": ("sagemaker", "UpdateEndpoint", dict),
    "Component": (
        "sagemaker",
        "UpdateInferenceComponent",
        lambda made: {name: value for name, value in made.items() if name not in ("EndpointName", "VariantName")},
    ),
    "Target": (
        "application-autoscaling",
        "RegisterScalableTarget",
        lambda made: {name: value for name, value in made.items() if name != "ScheduledActions"},
    ),
    **dict.fromkeys(
        ("ByConcurrency", "ByBacklog", "ByQueues", "FromZero"),
        (
            "application-autoscaling",
            "PutScalingPolicy",
            lambda made: {
                **{name: value for name, value in made.items() if name != "ScalingTargetId"},
                **{"ServiceNamespace": "sagemaker", "ResourceId": "r", "ScalableDimension": "d"},
            },
        ),
    ),
    **dict.fromkeys(
        ("AnswersWithErrors", "AnswersSlowly", "AskedAtZero", "WaitsAtZero"),
        ("cloudwatch", "PutMetricAlarm", lambda made: {"AlarmName": "a", **made}),
    ),
}
WITHOUT_CALL = {"Role", "ModelLogGroup", "Copies", "CopiesRole", "CopiesLogGroup", "CopiesFunction", "Outputs"}


@pytest.fixture(scope="session")
def template(nested: Mapping[str, Any]) -> Mapping[str, Any]:
    endpoint: Mapping[str, Any] = nested["endpoint.yaml"]
    return endpoint


@pytest.mark.parametrize("chosen", COMBINATIONS, ids=lambda chosen: "-".join(map(str, chosen.values())))
def test_each_combination_is_whole_and_aws_knows_every_parameter(
    template: Mapping[str, Any], chosen: Mapping[str, Any]
) -> None:
    made = resources(template, {**GIVEN, **chosen}, KNOWN)
    assert set(made) - WITHOUT_CALL <= set(CALLS)
    for logical_id in set(made) - WITHOUT_CALL:
        service, operation, parameters = CALLS[logical_id]
        assert complaints(service, operation, parameters(made[logical_id])) == "", logical_id
    for action in made["Target"].get("ScheduledActions", []):
        named = {"ServiceNamespace": "sagemaker", "ResourceId": "r", "ScalableDimension": "d"}
        assert complaints("application-autoscaling", "PutScheduledAction", {**action, **named}) == ""


def test_a_reference_to_what_is_not_made_is_found(template: Mapping[str, Any]) -> None:
    broken = {**template, "Resources": {**template["Resources"]}}
    broken["Resources"]["Model"] = {"Properties": {"ModelName": {"Fn::GetAtt": ["VariantEndpoint", "EndpointName"]}}}
    with pytest.raises(TemplateInvalid, match="VariantEndpoint"):
        resources(broken, GIVEN, KNOWN)


@pytest.mark.parametrize("way", WAYS)
def test_only_the_chosen_way_is_made(template: Mapping[str, Any], way: str) -> None:
    made = resources(template, {**GIVEN, "Way": way}, KNOWN)
    other = "Variant" if way == "components" else "Component"
    assert not any(logical_id.startswith(other) for logical_id in made)
    assert ("ComponentArn" in made["Outputs"], "WaitsAtZero" in made) == ((way == "components"),) * 2
    assert ("AsyncInferenceConfig" in made.get("VariantConfiguration", {})) is (way == "asynchronous")
    policies = {
        logical_id for logical_id in made if logical_id in ("ByConcurrency", "ByBacklog", "ByQueues", "FromZero")
    }
    assert (
        policies
        == {
            "components": {"ByConcurrency", "ByBacklog", "FromZero"},
            "variants": {"ByConcurrency", "ByBacklog"},
            "asynchronous": {"ByQueues", "FromZero"},
        }[way]
    )


def test_the_functions_are_told_the_component(template: Mapping[str, Any]) -> None:
    made = resources(template, GIVEN, KNOWN)
    name = made["Component"]["InferenceComponentName"]
    assert made["Target"]["ResourceId"] == f"inference-component/{name}"
    assert made["Outputs"]["Address"] == f"ComponentEndpoint-EndpointName/{name}"
    assert "/" not in resources(template, {**GIVEN, "Way": "variants"}, KNOWN)["Outputs"]["Address"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("fallback", "pools"),
    [
        ("", None),
        ("ml.g6.xlarge", ["ml.g5.xlarge", "ml.g6.xlarge"]),
        ("ml.g6.xlarge,ml.g5.2xlarge", ["ml.g5.xlarge", "ml.g6.xlarge", "ml.g5.2xlarge"]),
    ],
)
def test_where_there_is_none_of_a_type_the_next_is_taken(
    template: Mapping[str, Any], way: str, fallback: str, pools: list[str] | None
) -> None:
    made = resources(template, {**GIVEN, "Way": way, "FallbackInstanceTypes": fallback}, KNOWN)
    configuration = made["ComponentConfiguration" if way == "components" else "VariantConfiguration"]
    (variant,) = configuration["ProductionVariants"]
    if pools is None:
        assert variant["InstanceType"] == "ml.g5.xlarge"
        assert "InstancePools" not in variant
    else:
        assert "InstanceType" not in variant, "SageMaker takes one or the other"
        assert variant["InstancePools"] == [
            {"InstanceType": each, "Priority": priority} for priority, each in enumerate(pools, 1)
        ]
    routing = None if way == "asynchronous" else {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    assert variant.get("RoutingConfig") == routing


def test_components_sleep_and_an_update_has_room(template: Mapping[str, Any]) -> None:
    for limit in template["Parameters"]["InstanceLimit"]["AllowedValues"]:
        made = resources(template, {**GIVEN, "InstanceLimit": limit}, KNOWN)
        (variant,) = made["ComponentConfiguration"]["ProductionVariants"]
        scaling = variant["ManagedInstanceScaling"]
        assert (scaling["Status"], scaling["MinInstanceCount"]) == ("ENABLED", 0)
        batch = made["Component"]["DeploymentConfig"]["RollingUpdatePolicy"]["MaximumBatchSize"]
        assert batch == {"Type": "CAPACITY_PERCENT", "Value": 50}
        assert scaling["MaxInstanceCount"] == limit + -(-limit // 2)
        assert made["Target"]["MaxCapacity"] == limit
        assert "ModelName" not in variant, "its models are components"
    assert made["ComponentConfiguration"]["ExecutionRoleArn"].endswith(":Role")
    assert made["ComponentConfiguration"]["EnableNetworkIsolation"] is made["Model"]["EnableNetworkIsolation"] is True


@pytest.mark.parametrize(("way", "asleep"), [("components", 0), ("variants", 1), ("asynchronous", 0)])
def test_the_hours_raise_the_least_number_and_closing_takes_nothing_that_works(
    template: Mapping[str, Any], way: str, asleep: int
) -> None:
    target = resources(template, {**GIVEN, "Way": way}, KNOWN)["Target"]
    assert target["MinCapacity"] == asleep
    by_name = {action["ScheduledActionName"]: action for action in target["ScheduledActions"]}
    assert by_name["warm"]["ScalableTargetAction"] == {"MinCapacity": 2}
    # No MaxCapacity: lowering it would end copies that are at work.
    assert by_name["close"]["ScalableTargetAction"] == {"MinCapacity": asleep}
    assert {action["Timezone"] for action in by_name.values()} == {"Asia/Kolkata"}
    assert (by_name["warm"]["Schedule"], by_name["close"]["Schedule"]) == (GIVEN["Warms"], GIVEN["Closes"])


@pytest.mark.parametrize("way", WAYS)
def test_what_never_closes_has_no_schedule(template: Mapping[str, Any], way: str) -> None:
    target = resources(template, {**GIVEN, "Way": way, "KeepsHours": "false"}, KNOWN)["Target"]
    assert target["MinCapacity"] == 2
    assert "ScheduledActions" not in target


def test_from_zero_there_is_one_copy_for_as_long_as_it_may_take_to_start(template: Mapping[str, Any]) -> None:
    made = resources(template, GIVEN, KNOWN)
    step = made["FromZero"]["StepScalingPolicyConfiguration"]
    assert (step["AdjustmentType"], step["StepAdjustments"]) == (
        "ChangeInCapacity",
        [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    )
    startup = made["Component"]["Specification"]["StartupParameters"]
    assert step["Cooldown"] >= startup["ContainerStartupHealthCheckTimeoutInSeconds"]
    assert made["AskedAtZero"]["AlarmActions"] == made["WaitsAtZero"]["AlarmActions"] == ["FromZero-name"]
    assert made["AskedAtZero"]["MetricName"] == "NoCapacityInvocationFailures"
    # "GreaterThanThreshold 1", as AWS's example has it, would sleep on after a single call.
    assert (made["AskedAtZero"]["ComparisonOperator"], made["AskedAtZero"]["Threshold"]) == (
        "GreaterThanOrEqualToThreshold",
        1,
    )


@pytest.mark.parametrize(
    ("way", "metric", "dimensions"),
    [
        ("components", "NoCapacityInvocationFailures", {"InferenceComponentName": "inspect-model-1a2b3c4d"}),
        ("asynchronous", "HasBacklogWithoutCapacity", {"EndpointName": "inspect-asynchronous-1a2b3c4d"}),
    ],
)
def test_the_first_request_wakes_what_sleeps(
    template: Mapping[str, Any], way: str, metric: str, dimensions: Mapping[str, str]
) -> None:
    alarm = resources(template, {**GIVEN, "Way": way}, KNOWN)["AskedAtZero"]
    assert alarm["MetricName"] == metric
    assert {each["Name"]: each["Value"] for each in alarm["Dimensions"]} == dimensions
    assert (alarm["Threshold"], alarm["AlarmActions"]) == (1, ["FromZero-name"])


def test_an_asynchronous_endpoint_reads_and_writes_its_part_of_the_bucket(template: Mapping[str, Any]) -> None:
    made = resources(template, {**GIVEN, "Way": "asynchronous"}, KNOWN)
    config = made["VariantConfiguration"]["AsyncInferenceConfig"]
    assert config["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": GIVEN["ConcurrencyPerCopy"]}
    output = config["OutputConfig"]
    assert output["KmsKeyId"] == GIVEN["KeyArn"]
    allowed = {
        action: each["Resource"]
        for each in made["Role"]["Policies"][0]["PolicyDocument"]["Statement"]
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
        if each["Sid"] in ("ReadRequests", "WriteAnswers", "UseDataKey")
    }
    arn = "arn:aws:s3:::inspections/asynchronous"
    assert allowed["s3:GetObject"] == f"{arn}/requests/*"
    written = [
        f"{path.replace('s3://', 'arn:aws:s3:::')}*" for path in (output["S3OutputPath"], output["S3FailurePath"])
    ]
    assert allowed["s3:PutObject"] == written == [f"{arn}/answers/*", f"{arn}/failures/*"]
    assert allowed["kms:Decrypt"] == allowed["kms:GenerateDataKey"] == GIVEN["KeyArn"]


@pytest.mark.parametrize("way", ["components", "variants"])
def test_what_answers_at_once_has_no_business_in_the_bucket(template: Mapping[str, Any], way: str) -> None:
    role = json.dumps(resources(template, {**GIVEN, "Way": way}, KNOWN)["Role"])
    assert "inspections" not in role
    assert "kms:" not in role


@pytest.mark.parametrize(("count", "first"), [(0, 1), (2, 2)])
def test_an_endpoint_begins_with_an_instance_that_shows_its_model(
    template: Mapping[str, Any], count: int, first: int
) -> None:
    made = resources(template, {**GIVEN, "Way": "asynchronous", "InstanceCount": count}, KNOWN)
    (variant,) = made["VariantConfiguration"]["ProductionVariants"]
    assert variant["InitialInstanceCount"] == first


@pytest.mark.parametrize(
    ("interactive", "bulk", "taken", "instances", "backlog"),
    [
        (0, 0, 0, 1, 0),
        (30, 10, 8, 1, 48),
        (30, 10, 8, 4, 12),
        (30, None, None, 3, 10),
        (30, 10, 8, None, 48),  # none works
        (30, 10, 8, 0, 48),
        (None, None, None, None, 0),
    ],
)
def test_queues_of_an_instance(
    template: Mapping[str, Any],
    interactive: int | None,
    bulk: int | None,
    taken: int | None,
    instances: int | None,
    backlog: float,
) -> None:
    made = resources(template, {**GIVEN, "Way": "asynchronous"}, KNOWN)
    configuration = made["ByQueues"]["TargetTrackingScalingPolicyConfiguration"]
    queries = configuration["CustomizedMetricSpecification"]["Metrics"]
    measured = {"interactive": interactive, "bulk": bulk, "taken": taken, "instances": instances}
    assert measured_by(queries) == set(measured)
    assert evaluated(queries, measured) == pytest.approx(backlog)
    assert configuration["TargetValue"] == GIVEN["BacklogPerCopy"]


@pytest.mark.parametrize("way", WAYS)
def test_no_policy_scales_in_faster_than_a_copy_starts(template: Mapping[str, Any], way: str) -> None:
    made = resources(template, {**GIVEN, "Way": way}, KNOWN)
    names = ["ByQueues"] if way == "asynchronous" else ["ByConcurrency", "ByBacklog"]
    tracked = [made[name]["TargetTrackingScalingPolicyConfiguration"] for name in names]
    for policy in tracked:
        assert not policy.get("DisableScaleIn"), "one that may not scale in does not object to it either"
        assert policy["ScaleInCooldown"] >= policy["ScaleOutCooldown"] >= 600
    assert [policy["TargetValue"] for policy in tracked] == ([20] if way == "asynchronous" else [10, 20])


@pytest.mark.parametrize(
    ("interactive", "bulk", "together", "each", "backlog"),
    [
        (0, 0, 60, 60, 0),
        (30, 10, 60, 60, 40),
        (30, 10, 60, 15, 10),  # four copies
        (30, None, 60, 20, 10),  # a queue without a metric
        (30, 10, None, None, 40),  # zero copies, nobody asks
        (30, 10, 7, None, 40),  # zero copies, calls that fail
        (30, 10, 0, 0, 40),
    ],
)
@pytest.mark.parametrize("way", ["components", "variants"])
def test_backlog_of_a_copy(
    template: Mapping[str, Any],
    way: str,
    interactive: int,
    bulk: int | None,
    together: int | None,
    each: int | None,
    backlog: float,
) -> None:
    made = resources(template, {**GIVEN, "Way": way}, KNOWN)
    configuration = made["ByBacklog"]["TargetTrackingScalingPolicyConfiguration"]
    queries = configuration["CustomizedMetricSpecification"]["Metrics"]
    measured = {"interactive": interactive, "bulk": bulk, "together": together, "each": each}
    assert measured_by(queries) == set(measured)
    assert evaluated(queries, measured) == pytest.approx(backlog)


@pytest.mark.parametrize(
    ("interactive", "bulk", "each", "waits"), [(3, 0, None, 3), (0, 2, 0, 2), (3, 2, 1, 0), (0, 0, None, 0)]
)
def test_work_that_waits_while_no_copy_works(
    template: Mapping[str, Any], interactive: int, bulk: int, each: int | None, waits: int
) -> None:
    queries = resources(template, GIVEN, KNOWN)["WaitsAtZero"]["Metrics"]
    assert evaluated(queries, {"interactive": interactive, "bulk": bulk, "each": each}) == waits


@pytest.mark.parametrize("way", WAYS)
def test_an_update_is_taken_back_by_alarms_on_what_is_updated(template: Mapping[str, Any], way: str) -> None:
    made = resources(template, {**GIVEN, "Way": way}, KNOWN)
    updated = made["Component" if way == "components" else "VariantEndpoint"]
    watched = {each["AlarmName"] for each in updated["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]}
    assert watched == {"AnswersWithErrors-name", "AnswersSlowly-name"}
    # SageMaker looks at them in the role's name, or never goes back.
    (look,) = (
        statement
        for statement in template["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        if statement.get("Sid") == "LookAtAlarms"
    )
    assert look["Action"] == "cloudwatch:DescribeAlarms"
    assert [arn["Fn::GetAtt"] for arn in look["Resource"]] == [["AnswersWithErrors", "Arn"], ["AnswersSlowly", "Arn"]]
    if way == "components":
        named = {"InferenceComponentName": updated["InferenceComponentName"]}
    else:
        named = {"EndpointName": updated["EndpointName"], "VariantName": "main"}
    dimensions = [made["AnswersSlowly"]["Dimensions"]]
    dimensions += [
        query["MetricStat"]["Metric"]["Dimensions"]
        for query in made["AnswersWithErrors"]["Metrics"]
        if "MetricStat" in query
    ]
    assert len(dimensions) == 3
    counted = {
        query["Id"]: query["MetricStat"] for query in made["AnswersWithErrors"]["Metrics"] if "MetricStat" in query
    }
    asked = counted["asked"]["Metric"]["MetricName"], counted["asked"]["Stat"]
    assert asked == (("Invocation5XXErrors", "SampleCount") if way == "asynchronous" else ("Invocations", "Sum"))
    for each in dimensions:
        assert {dimension["Name"]: dimension["Value"] for dimension in each} == named


@pytest.mark.parametrize(
    ("errors", "asked", "share"), [(None, None, 0), (None, 20, 0), (4, 20, 0.2), (3, 3, 1), (0, 0, 0)]
)
def test_errors_among_the_answers(
    template: Mapping[str, Any], errors: int | None, asked: int | None, share: float
) -> None:
    queries = resources(template, GIVEN, KNOWN)["AnswersWithErrors"]["Metrics"]
    assert evaluated(queries, {"errors": errors, "asked": asked}) == pytest.approx(share)


@pytest.mark.parametrize("way", WAYS)
def test_the_containers_log_is_ours_before_sagemaker_writes_to_it(template: Mapping[str, Any], way: str) -> None:
    made = resources(template, {**GIVEN, "Way": way}, KNOWN)
    served, kind = ("Component", "InferenceComponents") if way == "components" else ("VariantEndpoint", "Endpoints")
    name = made[served].get("InferenceComponentName") or made[served]["EndpointName"]
    assert made["ModelLogGroup"]["LogGroupName"] == f"/aws/sagemaker/{kind}/{name}"
    assert template["Resources"][served]["DependsOn"] == "ModelLogGroup"
    (writes,) = (
        statement["Resource"]
        for statement in made["Role"]["Policies"][0]["PolicyDocument"]["Statement"]
        if statement["Sid"] == "WriteLogs"
    )
    assert fnmatch.fnmatch(f"{made['ModelLogGroup']['LogGroupName']}:log-stream:x", writes.split(":log-group:")[1])


def test_variants_keep_their_number_and_move_over_by_a_canary(template: Mapping[str, Any]) -> None:
    endpoint = resources(template, {**GIVEN, "Way": "variants"}, KNOWN)["VariantEndpoint"]
    assert endpoint["RetainAllVariantProperties"] is True
    routing = endpoint["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "CANARY"
    # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green-canary.html
    assert routing["CanarySize"]["Value"] <= 50


def test_targets_go_before_what_they_scale_and_nothing_stays(template: Mapping[str, Any]) -> None:
    assert {"Component", "ComponentEndpoint", "VariantEndpoint"} <= needs(template, "Target")
    for policy in ("ByConcurrency", "ByBacklog", "ByQueues", "FromZero"):
        assert "Target" in needs(template, policy)
    assert "ComponentEndpoint" in needs(template, "Component")
    for logical_id, resource in template["Resources"].items():
        assert not {"DeletionPolicy", "UpdateReplacePolicy"} & set(resource), logical_id


def test_moto_takes_the_variants_scaling(template: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """moto 5 knows no inference components."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    made = resources(template, {**GIVEN, "Way": "variants"}, KNOWN)
    with mock_aws():
        scaling = boto3.client("application-autoscaling", region_name="eu-west-1")
        named = {name: made["Target"][name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
        scaling.register_scalable_target(**named, MinCapacity=1, MaxCapacity=15)
        for action in made["Target"]["ScheduledActions"]:
            scaling.put_scheduled_action(**named, **action)
        for name in ("ByConcurrency", "ByBacklog"):
            policy = {key: value for key, value in made[name].items() if key != "ScalingTargetId"}
            scaling.put_scaling_policy(**named, **policy)
        (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
        actions = scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"]
    assert target["ResourceId"] == "endpoint/inspect-variants-1a2b3c4d/variant/main"
    assert {policy["PolicyName"] for policy in policies} == {"concurrency", "backlog"}
    assert {action["Timezone"] for action in actions} == {"Asia/Kolkata"}


# ---------------------------------------------------------------------- how many copies an update of the component has


class SageMaker:
    """Describes one component: the number of its copies, or the error that it raises."""

    def __init__(self, copies: int | None = None, error: str = "") -> None:
        self.copies = copies
        self.error = error
        self.asked: list[str] = []

    def client(self, service: str) -> "SageMaker":
        assert service == "sagemaker"
        return self

    def describe_inference_component(self, InferenceComponentName: str) -> dict[str, Any]:
        self.asked.append(InferenceComponentName)
        if self.error:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": self.error}}, "Describe")
        return {"RuntimeConfig": {} if self.copies is None else {"DesiredCopyCount": self.copies}}


Sent = tuple[str, dict[str, Any], str, str]


@pytest.fixture
def counted(template: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sent]:
    """Runs the function in the template as CloudFormation does; gives back what it answers."""
    source = template["Resources"]["CopiesFunction"]["Properties"]["Code"]["ZipFile"]
    assert len(source) <= 4096, "https://docs.aws.amazon.com/AWSCloudFormation: ZipFile"

    def run(sagemaker: SageMaker, request: str = "Update", least: int = 0) -> Sent:
        sent: list[Sent] = []

        def send(
            event: Any,
            context: Any,
            status: str,
            data: dict[str, Any],
            physical_id: str,
            reason: str = "",
        ) -> None:
            sent.append((status, data, physical_id, reason))

        module = SimpleNamespace(SUCCESS="SUCCESS", FAILED="FAILED", send=send)
        monkeypatch.setitem(sys.modules, "cfnresponse", module)
        monkeypatch.setitem(sys.modules, "boto3", SimpleNamespace(client=sagemaker.client))
        names: dict[str, Any] = {}
        exec(compile(ast.parse(source), "endpoint.yaml", "exec"), names)
        event = {"RequestType": request, "ResourceProperties": {"Component": "inspect-model", "Least": str(least)}}
        names["handler"](event, None)
        (answer,) = sent
        return answer

    return run


@pytest.mark.parametrize(
    ("sagemaker", "least", "copies"),
    [
        (SageMaker(5), 2, 5),
        (SageMaker(1), 2, 2),
        (SageMaker(0), 0, 1),
        (SageMaker(), 0, 1),
        (SageMaker(error='Could not find inference component "inspect-model".'), 3, 3),
        (SageMaker(error='Could not find inference component "inspect-model".'), 0, 1),
    ],
)
def test_an_update_has_as_many_copies_as_there_are(
    counted: Callable[..., Sent], sagemaker: SageMaker, least: int, copies: int
) -> None:
    for request in ("Create", "Update"):
        assert counted(sagemaker, request, least) == ("SUCCESS", {"Count": copies}, "inspect-model", "")
    assert set(sagemaker.asked) == {"inspect-model"}


def test_copies_that_can_not_be_counted_stop_the_update_with_a_clear_line(counted: Callable[..., Sent]) -> None:
    status, _, _, reason = counted(SageMaker(error="not authorized"))
    assert status == "FAILED"
    assert reason.startswith("The copies of inspect-model can't be counted: ")


def test_at_the_end_nothing_is_counted(counted: Callable[..., Sent]) -> None:
    sagemaker = SageMaker(error="not authorized")
    assert counted(sagemaker, "Delete")[0] == "SUCCESS"
    assert sagemaker.asked == []


def test_whatever_changes_the_component_has_its_copies_counted_again(template: Mapping[str, Any]) -> None:
    component = template["Resources"]["Component"]["Properties"]["Specification"]
    told = json.dumps(template["Resources"]["Copies"]["Properties"])
    for reference in leaves(component):
        assert json.dumps(reference) in told


# --------------------------------------------------------------------------------------------- wrong combinations


TOO_MANY = ["EndpointInstanceCount must not be more than EndpointInstanceLimit"]
GOOD = {
    "EndpointKind": "sagemaker",
    "EndpointWay": "components",
    "EndpointInstanceCount": "0",
    "ModelImage": "image",
    "ModelArtifact": "artifact",
    "ModelDigest": "d" * 64,
}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, []),
        ({"ModelDigest": ""}, ["EndpointKind sagemaker needs ModelDigest, the digest of the weights in ModelArtifact"]),
        ({"ModelArtifact": ""}, ["EndpointKind sagemaker needs ModelArtifact"]),
        (
            {"EndpointWay": "variants"},
            ["EndpointWay variants needs EndpointInstanceCount 1 or more; it can't sleep"],
        ),
        ({"EndpointWay": "variants", "EndpointInstanceCount": "1"}, []),
        ({"EndpointWay": "asynchronous"}, []),
        *(
            ({"EndpointInstanceCount": str(count), "EndpointInstanceLimit": str(limit)}, TOO_MANY * (count > limit))
            for count, limit in itertools.product(range(16), [1, 2, 4, 8, 15])
        ),
    ],
)
def test_a_wrong_combination_is_told_in_one_line(
    source: Mapping[str, Any], changed: Mapping[str, str], told: list[str]
) -> None:
    defaults = {name: str(declaration["Default"]) for name, declaration in source["Parameters"].items()}
    assert broken_rules(source, {**defaults, **GOOD, **changed}) == told


def test_the_limits_are_those_that_the_rules_and_the_endpoint_know(
    source: Mapping[str, Any], template: Mapping[str, Any]
) -> None:
    limits = source["Parameters"]["EndpointInstanceLimit"]["AllowedValues"]
    assert limits == template["Parameters"]["InstanceLimit"]["AllowedValues"] == [1, 2, 4, 8, 15]
    assert list(template["Mappings"]["InstanceLimit"]["WhileUpdating"]) == [str(limit) for limit in limits]


def test_two_stacks_do_not_meet(source: Mapping[str, Any], template: Mapping[str, Any]) -> None:
    written = json.dumps(source["Resources"]["Endpoint"]["Properties"]["Parameters"]["Suffix"])
    stack_id = "arn:aws:cloudformation:eu-west-1:1:stack/scrutineer-dev/51af3dc0-da77-11e4-872e-1234567db123"
    suffix = Resolver({}, {}, NoAttributes()).resolve(
        json.loads(written.replace('{"Ref": "AWS::StackId"}', json.dumps(stack_id)))
    )
    assert suffix == "51af3dc0"
    assert re.fullmatch(template["Parameters"]["Suffix"]["AllowedPattern"], suffix)


@pytest.mark.parametrize(
    ("opens", "closes", "keeps"),
    [("00:00", "24:00", False), ("08:00", "08:00", False), ("06:00", "24:00", True), ("22:00", "06:00", True)],
)
def test_hours_that_never_close_are_none(source: Mapping[str, Any], opens: str, closes: str, keeps: bool) -> None:
    resolver = Resolver(source, {"ServiceOpens": opens, "ServiceCloses": closes}, NoAttributes())
    assert resolver.condition("KeepsHours") is keeps


# ---------------------------------------------------------------------------------------------------------- helpers


@functools.cache
def shape(service: str, operation: str) -> Any:
    return botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape


def complaints(service: str, operation: str, parameters: Mapping[str, Any]) -> str:
    """What botocore has against these parameters."""
    report: str = ParamValidator().validate(parameters, shape(service, operation)).generate_report()
    return report


def measured_by(queries: list[dict[str, Any]]) -> set[str]:
    return {query["Id"] for query in queries if "MetricStat" in query}


def evaluated(queries: list[dict[str, Any]], measured: Mapping[str, float | None]) -> float:
    """What the one query gives that returns data. CloudWatch's functions for a single moment, None without a datapoint.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """
    values: dict[str, Any] = dict(measured)
    functions = {
        "FILL": lambda value, filler: filler if value is None else value,
        "IF": lambda condition, where_true, where_false: where_true if condition else where_false,
    }
    for query in queries:
        if "Expression" in query:
            values[query["Id"]] = eval(query["Expression"], {"__builtins__": {}}, {**functions, **values})
    (returned,) = (query["Id"] for query in queries if query["ReturnData"])
    result: float = values[returned]
    return result


def needs(template: Mapping[str, Any], logical_id: str) -> set[str]:
    """All that CloudFormation makes before it, and so deletes after it."""
    found: set[str] = set()
    waiting = [logical_id]
    while waiting:
        properties = template["Resources"][waiting.pop()].get("Properties", {})
        named = {str(reference.get("Ref") or reference["Fn::GetAtt"][0]) for reference in leaves(properties)}
        named |= {name.split(".")[0] for name in re.findall(r"\$\{([A-Za-z0-9.]+)}", json.dumps(properties))}
        new = (named & set(template["Resources"])) - found
        found |= new
        waiting += new
    return found


def leaves(node: Any) -> Iterator[dict[str, Any]]:
    """Every Ref and GetAtt."""
    if isinstance(node, Mapping):
        if set(node) in ({"Ref"}, {"Fn::GetAtt"}):
            yield dict(node)
        for value in node.values():
            yield from leaves(value)
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value)


def broken_rules(source: Mapping[str, Any], parameters: Mapping[str, str]) -> list[str]:
    """The lines of the template's rules that these parameters break."""
    resolver = Resolver(source, parameters, NoAttributes())
    return [
        assertion["AssertDescription"]
        for rule in source["Rules"].values()
        if resolver.resolve(rule["RuleCondition"])
        for assertion in rule["Assertions"]
        if not holds(resolver, assertion["Assert"])
    ]


def holds(resolver: Resolver, assertion: Mapping[str, Any]) -> bool:
    """Fn::Contains is a function of rules alone, which no stack that is made has any more."""
    if "Fn::Contains" in assertion:
        values, value = assertion["Fn::Contains"]
        return resolver.resolve(value) in values
    return bool(resolver.resolve(assertion))
