"""The dashboard: a body that CloudWatch can draw, of metrics that are counted and all of them."""

import json
import re
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.told_metrics import counted_as, told_metrics
from tests.unit.infrastructure.alarms import (
    NAMESPACE,
    alarms,
    dashboard_body,
    looked_at,
    metric_lines,
    searched,
    shown,
)

COLUMNS = 24
TYPES = {"alarm", "log", "metric", "text"}


@pytest.fixture(scope="module", params=["HasComponent", "", "Queues"], ids=["components", "variants", "asynchronous"])
def body(nested: Mapping[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    return dashboard_body(nested["dashboard.yaml"], request.param)


def test_widgets_lie_side_by_side(body: Mapping[str, Any]) -> None:
    for one in body["widgets"]:
        assert one["type"] in TYPES
        assert one["x"] + one["width"] <= COLUMNS, one["properties"]
    for one, other in combinations(body["widgets"], 2):
        apart = (
            one["x"] + one["width"] <= other["x"]
            or other["x"] + other["width"] <= one["x"]
            or one["y"] + one["height"] <= other["y"]
            or other["y"] + other["height"] <= one["y"]
        )
        assert apart, f"{one['properties']} lies over {other['properties']}"


def test_every_graph_says_what_it_shows(body: Mapping[str, Any]) -> None:
    titles = [widget["properties"]["title"] for widget in body["widgets"] if widget["type"] != "text"]
    assert all(titles)
    for widget in body["widgets"]:
        if widget["type"] == "metric":
            assert widget["properties"]["region"] == "AWS::Region"
            assert list(metric_lines(widget)), widget["properties"]["title"]


def test_what_an_expression_uses_stands_in_its_graph(body: Mapping[str, Any]) -> None:
    for widget in body["widgets"]:
        options = [line[-1] for line in metric_lines(widget)]
        ids = {each["id"] for each in options if "id" in each}
        for each in options:
            text = re.sub(r"'[^']*'", "", each.get("expression", ""))
            used = set(re.findall(r"\b[a-z][a-z_]*\b", text))
            assert used <= ids, f"{widget['properties']['title']}: {used - ids}"


def test_what_is_counted_is_shown_and_what_is_shown_is_counted(
    body: Mapping[str, Any], nested: Mapping[str, Any]
) -> None:
    told = {(name, dimensions) for name, sets in told_metrics().items() for dimensions in sets}
    own = {(each.name, each.dimensions) for each in shown(body) if each.namespace == NAMESPACE}
    for namespace, by, name in searched(body):
        assert namespace == NAMESPACE
        found = {(of, d) for of, d in told if of == name and ",".join(each for each, _ in d) == by}
        assert found, f"{name} is searched for by {by}, and never counted so"
        own |= found
    assert own == told


def test_alarms_look_at_what_is_counted(nested: Mapping[str, Any]) -> None:
    told = {(name, dimensions) for name, sets in told_metrics().items() for dimensions in sets}
    own = {
        (looked.name, looked.dimensions)
        for file in ("monitoring.yaml", "objectives.yaml")
        for alarm in alarms(nested[file]).values()
        for looked in looked_at(alarm)
        if looked.namespace == NAMESPACE
    }
    assert own <= told
    assert len(own) >= 10, "the alarms' own metrics are not found"


def test_the_alarms_shown_are_those_that_are_there_in_any_case(
    body: Mapping[str, Any], nested: Mapping[str, Any]
) -> None:
    (widget,) = [each for each in body["widgets"] if each["type"] == "alarm"]
    always = {
        name
        for file in ("monitoring.yaml", "objectives.yaml")
        for name in alarms(unconditional(nested[file]))
        if "AlarmActions" in alarms(nested[file])[name]
    }
    assert {arn.partition(":alarm:stack-")[2] for arn in widget["properties"]["alarms"]} == always


def test_every_function_is_shown(body: Mapping[str, Any], functions: Mapping[str, Any]) -> None:
    """For a new function: a parameter in dashboard.yaml and monitoring.yaml, a line in each graph of functions."""
    for metric in ("Errors", "Duration", "Throttles"):
        seen = {each.dimensions for each in shown(body) if (each.namespace, each.name) == ("AWS/Lambda", metric)}
        # The migrations run in a deployment and at no other time.
        assert seen == {(("FunctionName", f"{stage.title()}Function"),) for stage in functions if stage != "migrate"}


def test_both_environments_count_apart(source: Mapping[str, Any]) -> None:
    namespace = {"Fn::Sub": "Scrutineer/${AWS::StackName}"}
    variables = source["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == namespace
    for stack in ("Monitoring", "Objectives", "Dashboard"):
        assert source["Resources"][stack]["Properties"]["Parameters"]["Namespace"] == namespace


def test_the_releases_alarms_look_at_what_is_counted(source: Mapping[str, Any]) -> None:
    told = told_metrics()
    looked = 0
    for resource in source["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::CloudWatch::Alarm" and not str(properties.get("Namespace", "AWS/")).startswith(
            "AWS/"
        ):
            looked += 1
            assert properties["Namespace"] == {"Fn::Sub": "Scrutineer/${AWS::StackName}"}
            of = {each["Name"]: str(each["Value"]) for each in properties["Dimensions"]}
            assert counted_as(of) in told[properties["MetricName"]]
    assert looked >= 4


def test_the_api_is_called_as_the_metrics_have_it(document: Mapping[str, Any]) -> None:
    """ApiName is the title of what SAM imports."""
    assert document["Resources"]["Api"]["Properties"]["Body"]["info"]["title"] == {"Ref": "AWS::StackName"}


def unconditional(template: Mapping[str, Any]) -> dict[str, Any]:
    return {"Resources": {name: each for name, each in template["Resources"].items() if "Condition" not in each}}


def test_logs_are_read_from_groups_that_are_there(
    body: Mapping[str, Any], nested: Mapping[str, Any], resources: Mapping[str, Any], root: Path
) -> None:
    there = {
        resource["Properties"]["LogGroupName"]["Fn::Sub"].replace("AWS::", "")
        for resource in resources.values()
        if resource["Type"] == "AWS::Logs::LogGroup"
    }
    template = nested["dashboard.yaml"]["Resources"]
    asked = {
        group["Fn::Sub"]
        for resource in template.values()
        if resource["Type"] == "AWS::Logs::QueryDefinition"
        for group in resource["Properties"]["LogGroupNames"]
    }
    asked |= set(re.findall(r"SOURCE '([^']+)'", template["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][0]))
    assert asked <= there
    assert json.dumps(body).count("SOURCE") >= 3


def test_an_asynchronous_endpoint_is_drawn_by_what_it_counts(nested: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html"""
    body = dashboard_body(nested["dashboard.yaml"], "Queues")
    named = {line[1]: line for widget in body["widgets"] for line in metric_lines(widget) if len(line) > 1}
    assert not {"Invocations", "ConcurrentRequestsPerModel", "ConcurrentRequestsPerCopy"} & set(named)
    assert named["ApproximateBacklogSize"][2:-1] == ["EndpointName", "EndpointName"]
