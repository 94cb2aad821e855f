"""infrastructure/fargate.yaml runs the container as it is made to be run, and only the functions reach it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core.endpoint import READ_TIMEOUT_S

Found = Mapping[str, Any]
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
MEMORY_MB = {2048: range(4096, 16385, 1024), 4096: range(8192, 30721, 1024)} | {
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}


@pytest.fixture(scope="module")
def template(nested: Mapping[str, Found]) -> Found:
    return nested["fargate.yaml"]


@pytest.fixture(scope="module")
def made(template: Found) -> Found:
    """Properties by logical id."""
    return {name: resource["Properties"] for name, resource in template["Resources"].items()}


@pytest.fixture(scope="module")
def containers(made: Found) -> Mapping[str, Found]:
    return {each["Name"]: each for each in made["TaskDefinition"]["ContainerDefinitions"]}


def test_the_model_is_there_before_it_is_served_and_read_only(containers: Mapping[str, Found], made: Found) -> None:
    fetch, serve = containers["fetch"], containers["serve"]
    assert serve["DependsOn"] == [{"ContainerName": "fetch", "Condition": "SUCCESS"}]
    assert (fetch["Essential"], serve["Essential"]) == (False, True)
    (filled, opened), (read, written) = fetch["MountPoints"], serve["MountPoints"]
    volumes = [volume["Name"] for volume in made["TaskDefinition"]["Volumes"]]
    assert [filled["SourceVolume"], opened["SourceVolume"]] == volumes
    assert [read["SourceVolume"], written["SourceVolume"]] == volumes
    assert filled["ContainerPath"] == read["ContainerPath"] == "/opt/ml/model"
    assert (filled["ReadOnly"], read["ReadOnly"]) == (False, True)
    # Root opens what another user then has as /tmp.
    told = {each["Name"]: each["Value"] for each in fetch["Environment"]}
    assert (opened["ContainerPath"], written["ContainerPath"]) == (told["SCRATCH_DIR"], "/tmp")


def test_nothing_in_a_task_may_more_than_it_needs(containers: Mapping[str, Found]) -> None:
    for container in containers.values():
        assert container["ReadonlyRootFilesystem"] is True
        assert container["LinuxParameters"] == {"Capabilities": {"Drop": ["ALL"]}}
        assert container["Image"] == {"Ref": "ModelImage"}
    assert containers["serve"]["User"] == "10001"


def test_the_containers_are_told_what_they_read(containers: Mapping[str, Found], root: Path) -> None:
    told = {variable["Name"] for variable in containers["fetch"]["Environment"]}
    assert containers["serve"]["Environment"] == [{"Name": "MODEL_DIGEST", "Value": {"Ref": "ModelDigest"}}]
    read = set(
        re.findall(r'environment\.get\("(\w+)"', (root / "endpoint_container/model_source/settings.py").read_text())
    )
    assert told - {"AWS_DEFAULT_REGION"} == read - {"MODEL_DIR"}
    for name, program in (("fetch", "fetch"), ("serve", "serve")):
        assert containers[name]["EntryPoint"] == [f"/opt/program/{program}"]
        assert containers[name]["Command"] == [program]


def test_the_user_who_serves_is_in_the_image(containers: Mapping[str, Found], root: Path) -> None:
    dockerfile = (root / "endpoint_container" / "Dockerfile").read_text()
    assert f"--uid {containers['serve']['User']}" in dockerfile
    assert containers["serve"]["PortMappings"] == [{"ContainerPort": 8080}]
    assert "EXPOSE 8080" in dockerfile


def test_every_size_is_one_that_fargate_has(template: Found) -> None:
    sizes = template["Mappings"]["Sizes"]
    assert list(sizes) == template["Parameters"]["Vcpus"]["AllowedValues"]
    for vcpus, size in sizes.items():
        assert int(size["Cpu"]) == int(vcpus) * 1024
        assert int(size["Memory"]) in MEMORY_MB[int(size["Cpu"])]


def test_each_party_gives_up_before_the_one_behind_it(made: Found, containers: Mapping[str, Found], root: Path) -> None:
    attributes = {
        each["Key"]: each["Value"]
        for owner, kind in (("LoadBalancer", "LoadBalancerAttributes"), ("TargetGroup", "TargetGroupAttributes"))
        for each in made[owner][kind]
    }
    assert int(attributes["idle_timeout.timeout_seconds"]) > READ_TIMEOUT_S
    assert int(attributes["deregistration_delay.timeout_seconds"]) > READ_TIMEOUT_S
    settings = (root / "endpoint_container" / "server" / "settings.py").read_text()
    (drain_s,) = re.findall(r"drain_timeout_s: int = (\d+)", settings)
    assert int(drain_s) < containers["serve"]["StopTimeout"] <= 120


def test_a_task_without_a_model_is_replaced_and_a_bad_deployment_taken_back(made: Found) -> None:
    assert (made["TargetGroup"]["HealthCheckPath"], made["TargetGroup"]["Matcher"]) == ("/ping", {"HttpCode": "200"})
    service = made["Service"]
    assert service["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert service["HealthCheckGracePeriodSeconds"] >= 900
    assert "DesiredCount" not in service, "an update would set back what scaling chose"


def test_only_the_functions_ask_and_nobody_outside_can(made: Found) -> None:
    assert made["LoadBalancer"]["Scheme"] == "internal"
    assert made["Service"]["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"
    ways_in = {
        (each["SourceSecurityGroupId"]["Ref"], each["GroupId"]["Ref"], port(each["FromPort"]))
        for each in made.values()
        if "SourceSecurityGroupId" in each
    }
    assert ways_in == {
        ("FunctionSecurityGroupId", "LoadBalancerSecurityGroup", (443, 80)),
        ("LoadBalancerSecurityGroup", "TaskSecurityGroup", 8080),
        ("TaskSecurityGroup", "ServicesSecurityGroupId", 443),
    }
    ways_out = {
        (each["GroupId"]["Ref"], each["DestinationSecurityGroupId"]["Ref"], port(each["FromPort"]))
        for each in made.values()
        if "DestinationSecurityGroupId" in each
    }
    assert ways_out == {
        ("FunctionSecurityGroupId", "LoadBalancerSecurityGroup", (443, 80)),
        ("LoadBalancerSecurityGroup", "TaskSecurityGroup", 8080),
        ("TaskSecurityGroup", "ServicesSecurityGroupId", 443),
    }
    assert made["TaskToS3"]["DestinationPrefixListId"] == {"Ref": "S3PrefixListId"}
    for group in ("LoadBalancerSecurityGroup", "TaskSecurityGroup"):
        assert [each["CidrIp"] for each in made[group]["SecurityGroupEgress"]] == ["255.255.255.255/32"]


def test_the_address_and_the_listener_agree(template: Found, made: Found) -> None:
    listener = made["Listener"]
    assert listener["Protocol"] == {"Fn::If": ["HasCertificate", "HTTPS", "HTTP"]}
    assert port(listener["Port"]) == (443, 80)
    condition, with_certificate, without = template["Outputs"]["Url"]["Value"]["Fn::If"]
    assert condition == "HasCertificate"
    assert (with_certificate, without) == (
        {"Fn::Sub": "https://${Domain}"},
        {"Fn::Sub": "http://${LoadBalancer.DNSName}"},
    )


def test_it_grows_by_requests_and_both_ways_by_cpu(made: Found) -> None:
    target = made["ScalableTarget"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == ({"Ref": "MinTasks"}, {"Ref": "MaxTasks"})
    tracking = {
        name: made[name]["TargetTrackingScalingPolicyConfiguration"] for name in ("ScalingByRequests", "ScalingByCpu")
    }
    assert tracking["ScalingByRequests"]["DisableScaleIn"] is True
    assert not tracking["ScalingByCpu"].get("DisableScaleIn")


def test_it_may_sleep_once_the_service_is_closed_and_is_there_before_it_opens(made: Found) -> None:
    condition, (warm, close), _ = made["ScalableTarget"]["ScheduledActions"]["Fn::If"]
    assert condition == "ClosesAtTimes"
    assert (warm["Schedule"], warm["ScalableTargetAction"]) == ({"Ref": "Warms"}, {"MinCapacity": {"Ref": "MinTasks"}})
    # Never less than what is still at work needs: the maximum stays.
    assert (close["Schedule"], close["ScalableTargetAction"]) == ({"Ref": "Closes"}, {"MinCapacity": 0})
    assert warm["Timezone"] == close["Timezone"] == {"Ref": "Timezone"}


def test_it_goes_to_sleep_when_nothing_is_asked_and_wakes_when_something_is(made: Found) -> None:
    for alarm, policy, missing in (("NothingAsked", "Asleep", "breaching"), ("AskedInVain", "Awake", "notBreaching")):
        assert made[alarm]["AlarmActions"] == [{"Ref": policy}]
        assert made[alarm]["TreatMissingData"] == missing
    asleep = made["Asleep"]["StepScalingPolicyConfiguration"]
    assert asleep["AdjustmentType"] == "ExactCapacity"
    # Below a threshold of 1 the step's interval lies below 0.
    assert asleep["StepAdjustments"] == [{"MetricIntervalUpperBound": 0, "ScalingAdjustment": 0}]
    awake = made["Awake"]["StepScalingPolicyConfiguration"]
    assert awake["AdjustmentType"] == "ChangeInCapacity"
    assert awake["StepAdjustments"] == [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]


def test_the_functions_ask_whichever_endpoint_there_is(source: Found) -> None:
    for stage in ("Invoke", "Descriptions", "Warmup"):
        asked = str(source["Resources"][f"{stage}Function"]["Properties"]["Environment"]["Variables"]["ENDPOINT"])
        assert "'Fn::If': ['UsesFargate', {'Fn::GetAtt': ['Fargate', 'Outputs.Url']}, {'Ref': 'EndpointUrl'}]" in asked
    assert source["Resources"]["Fargate"]["Condition"] == "UsesFargate"


def port(value: Any) -> Any:
    """A port, or both where it depends on the certificate."""
    return tuple(value["Fn::If"][1:]) if isinstance(value, Mapping) else value
