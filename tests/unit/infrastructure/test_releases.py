"""A release reaches whoever calls, whole or in steps, and goes back by itself where it is bad."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scrutineer.local.translation import translate

# The functions on an inspection's way: the others have too few calls for a tenth of them to tell anything.
CANARIES = {"Authorizer", "Inspections", "Precheck", "Invoke", "Format"}
# CloudFormation's limits: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MOST_RESOURCES, LARGEST_TEMPLATE = 500, 1_000_000
# What Lambda wants left over for functions without a reservation.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
LEFT_UNRESERVED, ACCOUNT_LIMIT = 100, 1000
LONGEST_STATEMENT, LARGEST_POLICY = 500, 20_480
# What a deployment itself calls: the function as it has just become, whose settings others' settings depend on.
UNPUBLISHED = {"MigrateFunction"}
NOT_BUILT = "Schema"  # files as they are
# What belongs to a version: the rest of a function's properties is the same for all of them.
VERSIONED = {"Environment", "VpcConfig", "Layers", "LoggingConfig", "Timeout", "MemorySize", "Handler", "Runtime"}


def of_type(resources: Mapping[str, Any], resource_type: str) -> dict[str, Any]:
    return {name: each for name, each in resources.items() if each["Type"] == resource_type}


def test_every_function_is_published_under_one_alias(resources: Mapping[str, Any]) -> None:
    functions = of_type(resources, "AWS::Lambda::Function")
    aliases = of_type(resources, "AWS::Lambda::Alias")
    assert {name.removesuffix("Aliaslive") for name in aliases} == set(functions) - UNPUBLISHED
    for name, alias in aliases.items():
        version = resources[alias["Properties"]["FunctionVersion"]["Fn::GetAtt"][0]]
        assert version["Type"] == "AWS::Lambda::Version", name
        assert version["Properties"]["FunctionName"] == alias["Properties"]["FunctionName"], name


def test_every_function_is_built_with_bytecode_over_the_one_layer(
    source: Mapping[str, Any], resources: Mapping[str, Any]
) -> None:
    """SAM's own way of building Python leaves bytecode out and puts all packages into each function."""
    built = {
        name: each["Metadata"]["BuildMethod"]
        for name, each in source["Resources"].items()
        if each["Type"] in ("AWS::Serverless::Function", "AWS::Serverless::LayerVersion") and name != NOT_BUILT
    }
    assert set(built.values()) == {"makefile"}
    layer, schema = sorted(of_type(resources, "AWS::Lambda::LayerVersion"))
    for name, function in of_type(resources, "AWS::Lambda::Function").items():
        assert function["Properties"]["Layers"][0] == {"Ref": layer}, name
        assert function["Properties"]["Layers"][1:] == ([{"Ref": schema}] if name in UNPUBLISHED else []), name
        # functions/Makefile fetches wheels for this machine alone.
        assert (function["Properties"]["Runtime"], function["Properties"]["Architectures"]) == (
            "python3.11",
            ["x86_64"],
        )


def test_whoever_calls_calls_the_alias(resources: Mapping[str, Any]) -> None:
    """API Gateway's routes and its authorizer, queues, schedules, and the permissions for all of them."""
    callers = [each["Properties"]["FunctionName"] for each in of_type(resources, "AWS::Lambda::Permission").values()]
    callers += [
        each["Properties"]["FunctionName"] for each in of_type(resources, "AWS::Lambda::EventSourceMapping").values()
    ]
    callers += [
        target["Arn"]
        for rule in of_type(resources, "AWS::Events::Rule").values()
        for target in rule["Properties"]["Targets"]
    ]
    assert len(callers) > 80
    assert {resources[each["Ref"]]["Type"] for each in callers} == {"AWS::Lambda::Alias"}

    body = json.dumps(resources["Api"]["Properties"]["Body"])
    asked = re.findall(r"functions/\$\{(\w+)\}/invocations", body) + re.findall(
        r'__FunctionArn__": \{"Ref": "(\w+)"', body
    )
    assert len(asked) > 60
    assert {resources[each]["Type"] for each in asked if each != "__FunctionArn__"} == {"AWS::Lambda::Alias"}


def test_the_functions_on_an_inspections_way_shift_as_the_parameter_says(root: Path) -> None:
    chosen = "Canary10Percent5Minutes"
    resources = translate(root / "template.yaml", {"TrafficShift": chosen}).document["Resources"]
    groups = of_type(resources, "AWS::CodeDeploy::DeploymentGroup")
    assert {name.removesuffix("FunctionDeploymentGroup") for name in groups} == CANARIES
    for name, group in groups.items():
        properties = group["Properties"]
        assert properties["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": chosen}, name
        assert properties["ServiceRoleArn"] == {"Fn::GetAtt": ["DeploymentRole", "Arn"]}, name
        assert properties["AutoRollbackConfiguration"]["Enabled"], name
        assert "DEPLOYMENT_STOP_ON_ALARM" in properties["AutoRollbackConfiguration"]["Events"], name
        alias = resources[f"{name.removesuffix('DeploymentGroup')}Aliaslive"]
        assert alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"] == {"Ref": name}


def test_alarms_that_roll_back_look_at_the_new_version_alone(resources: Mapping[str, Any]) -> None:
    """One that saw the version before it as well would stop the release that mends it."""
    for name, group in of_type(resources, "AWS::CodeDeploy::DeploymentGroup").items():
        stage = name.removesuffix("FunctionDeploymentGroup")
        alarms = [resources[each["Name"]["Ref"]] for each in group["Properties"]["AlarmConfiguration"]["Alarms"]]
        assert alarms, name
        for alarm in alarms:
            properties = alarm["Properties"]
            assert properties["TreatMissingData"] == "notBreaching", name
            watched = properties.get("Dimensions") or next(
                metric["MetricStat"]["Metric"]["Dimensions"]
                for metric in properties["Metrics"]
                if metric["Id"] == "failed"
            )
            values = {each["Name"]: each["Value"] for each in watched}
            version = values.get("ExecutedVersion") or values["version"]
            assert resources[version["Fn::GetAtt"][0]]["Properties"]["FunctionName"] == {"Ref": f"{stage}Function"}
            assert values.get("service", stage.lower()) == stage.lower()


def test_alarms_look_where_the_functions_count(resources: Mapping[str, Any]) -> None:
    """An alarm on a namespace that nobody writes to is silent for ever."""
    counted = {
        json.dumps(function["Properties"]["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"])
        for function in of_type(resources, "AWS::Lambda::Function").values()
    }
    own = {
        name: alarm["Properties"]["Namespace"]
        for name, alarm in of_type(resources, "AWS::CloudWatch::Alarm").items()
        if not str(alarm["Properties"].get("Namespace", "AWS/")).startswith("AWS/")
    }
    assert {"InspectionsFaults", "PrecheckFaults", "InvokeFaults", "FormatFaults"} <= set(own)
    assert {json.dumps(namespace) for namespace in own.values()} == counted


def test_a_client_with_bad_keys_rolls_nothing_back(resources: Mapping[str, Any]) -> None:
    """Lambda counts refusals as errors, so the authorizer is measured against all of its calls, never by a number."""
    alarm = resources["AuthorizerErrors"]["Properties"]
    metrics = {metric["Id"]: metric for metric in alarm["Metrics"]}
    assert metrics["excess"]["Expression"] == "IF(calls >= 5, 100 * (failed / calls - allfailed / allcalls), 0)"

    def alarmed(calls: int, failed: int, allcalls: int, allfailed: int) -> bool:
        excess = 100 * (failed / calls - allfailed / allcalls) if calls >= 5 else 0
        return bool(excess >= alarm["Threshold"])

    assert alarmed(10, 10, 100, 10)  # the new version, a tenth of the traffic, fails whatever it is asked
    assert alarmed(10, 10, 100, 10 + 45)  # and half of the others are refused
    assert not alarmed(10, 6, 100, 60)  # six of ten are refused in both
    assert not alarmed(10, 10, 100, 100)  # all are
    assert not alarmed(4, 4, 40, 4)  # too few to tell


def test_codedeploy_may_move_exactly_these_aliases(resources: Mapping[str, Any]) -> None:
    (policy,) = resources["DeploymentRole"]["Properties"]["Policies"]
    shift, alarms = policy["PolicyDocument"]["Statement"]
    assert shift["Action"] == ["lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig"]
    arns = [json.dumps({"Fn::GetAtt": [f"{stage}Function", "Arn"]}) for stage in CANARIES]
    aliases = [json.dumps({"Fn::Sub": f"${{{stage}Function.Arn}}:live"}) for stage in CANARIES]
    assert sorted(map(json.dumps, shift["Resource"])) == sorted(arns + aliases)
    assert alarms["Action"] == "cloudwatch:DescribeAlarms"


def test_whatever_a_function_is_set_to_is_in_the_settings(
    source: Mapping[str, Any], resources: Mapping[str, Any]
) -> None:
    """A change of a parameter alone publishes nothing otherwise, and the alias stays with what was."""
    text, given = resources["Settings"]["Properties"]["Content"]["Fn::Sub"]
    noted = set(re.findall(r"\$\{([\w.]+)\}", text)) - set(given) | set(inputs(list(given.values()), source))
    versioned = [
        {part: value for part, value in function["Properties"].items() if part in VERSIONED}
        for name, function in of_type(resources, "AWS::Lambda::Function").items()
        if name not in UNPUBLISHED
    ]
    settable = {
        name
        for name in inputs(versioned, source)
        if name in source["Parameters"] or ".Outputs." in name or name.startswith(("PackagesLayer", "Migration."))
    }
    assert noted == settable, "Settings in template.yaml needs NAME=${NAME} for each that a function is set to"


def test_another_number_of_the_settings_is_another_version_of_every_function(resources: Mapping[str, Any]) -> None:
    number = "Settings ${Settings.VersionNumber}"
    for name, version in of_type(resources, "AWS::Lambda::Version").items():
        assert version["Properties"]["Description"] == {"Fn::Sub": number}, name
    for name in of_type(resources, "AWS::Lambda::Function").keys() - UNPUBLISHED:
        function = resources[name]
        # Lambda publishes no version that does not differ from the one before.
        assert function["Properties"]["Environment"]["Variables"]["SETTINGS_VERSION"] == {
            "Fn::GetAtt": ["Settings", "VersionNumber"]
        }, name


def test_the_stack_stays_far_from_cloudformations_limits(document: Mapping[str, Any], root: Path) -> None:
    assert len(document["Resources"]) < MOST_RESOURCES * 0.8
    assert len(json.dumps(document)) < LARGEST_TEMPLATE / 2
    assert (root / "template.yaml").stat().st_size < LARGEST_TEMPLATE / 2


def test_every_functions_callers_fit_into_its_policy(resources: Mapping[str, Any]) -> None:
    """A statement is some 440 bytes with the longest names, and there is one for each route.

    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    callers = Counter(
        each["Properties"]["FunctionName"]["Ref"] for each in of_type(resources, "AWS::Lambda::Permission").values()
    )
    assert max(callers.values()) * LONGEST_STATEMENT < LARGEST_POLICY


def test_what_is_provisioned_fits_into_what_is_reserved_whatever_is_chosen(source: Mapping[str, Any]) -> None:
    """Lambda refuses more provisioned than reserved; a rule can't compare numbers, so the values themselves fit."""
    parameters = source["Parameters"]
    for stage in ("Authorizer", "Inspections"):
        reserved = [number for number in parameters[f"{stage}Reserved"]["AllowedValues"] if number]
        assert parameters[f"{stage}Provisioned"]["MaxValue"] <= min(reserved)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_reservations_leave_room(environment: str, source: Mapping[str, Any], root: Path) -> None:
    config = tomllib.loads((root / "samconfig.toml").read_text())
    chosen = {name: str(each.get("Default")) for name, each in source["Parameters"].items()}
    chosen |= dict(entry.split("=", 1) for entry in config[environment]["deploy"]["parameters"]["parameter_overrides"])
    numbers = {name: int(value) for name, value in chosen.items() if value.isdigit()}
    reserved = numbers["AuthorizerReserved"] + numbers["InspectionsReserved"] + 2 * numbers["DirectModelsReserved"]
    assert reserved + LEFT_UNRESERVED <= ACCOUNT_LIMIT
    if numbers["InspectionsReserved"]:
        # Half of them may wait for a verdict; the others are for whoever only asks.
        assert numbers["InspectionsReserved"] >= 2 * (numbers["EndpointConcurrency"] + numbers["WaitingAtOnce"])
    assert chosen["TrafficShift"].startswith("Canary" if environment == "prod" else "AllAtOnce")


def inputs(node: Any, source: Mapping[str, Any]) -> Iterator[str]:
    """Every name whose value goes into `node`: by Ref, GetAtt or Sub, and by the conditions of each If."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "Ref":
                yield value
            elif key == "Fn::GetAtt":
                yield ".".join(value)
            elif key == "Fn::Sub":
                yield from re.findall(r"\$\{([\w.]+)\}", value if isinstance(value, str) else value[0])
            elif key == "Fn::If":
                yield from inputs(source["Conditions"][value[0]], source)
            yield from inputs(value, source)
    elif isinstance(node, list):
        for value in node:
            yield from inputs(value, source)
