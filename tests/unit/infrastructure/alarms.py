"""What alarms and graphs look at, read out of the nested templates."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

NAMESPACE = "Scrutineer/stack"  # what the functions count, once the templates are filled in
VALUES = {"Namespace": NAMESPACE, "StackName": "stack", "InstancePricePerHour": "1.4", "FixedPricePerHour": "0.3"}


class Looked(NamedTuple):
    """A metric with all its dimensions' values."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


def filled(value: Any) -> str:
    """A Ref or Sub with each parameter's name in place of its value, but for those in VALUES."""
    if isinstance(value, str):
        return value
    if "Ref" in value:
        return VALUES.get(value["Ref"], str(value["Ref"]))
    text = re.sub(r"\$\{([^!}][^}]*)}", lambda match: VALUES.get(match[1], match[1]), value["Fn::Sub"])
    return text.replace("${!", "${")


def alarms(template: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Properties of all alarms, composite ones too, by name without the stack's."""
    return {
        filled(resource["Properties"]["AlarmName"]).removeprefix("stack-"): resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    }


def looked_at(alarm: Mapping[str, Any]) -> Iterator[Looked]:
    for source in [alarm, *(each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each)]:
        if "MetricName" in source:
            dimensions = tuple((each["Name"], filled(each["Value"])) for each in source["Dimensions"])
            yield Looked(filled(source["Namespace"]), source["MetricName"], dimensions)


def dashboard_body(template: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(filled(template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]))
    return body


def metric_lines(widget: Mapping[str, Any]) -> Iterator[list[Any]]:
    """The metrics of a graph with `...` and `.` spelt out, the options last; an expression is a line of options alone.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    before: list[Any] = []
    for line in widget["properties"].get("metrics", []):
        options = line[-1] if isinstance(line[-1], Mapping) else {}
        named = line[:-1] if options else line
        if named and named[0] == "...":
            named = before[: len(before) - len(named) + 1] + named[1:]
        if named:
            before = named
        yield [*named, options]


def shown(body: Mapping[str, Any]) -> Iterator[Looked]:
    """The metrics that graphs name one by one."""
    for widget in body["widgets"]:
        for *named, _ in metric_lines(widget):
            if named:
                namespace, name, *dimensions = named
                yield Looked(namespace, name, tuple(zip(dimensions[::2], dimensions[1::2], strict=True)))


def searched(body: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(namespace, dimension, metric) of each SEARCH."""
    for widget in body["widgets"]:
        for *_, options in metric_lines(widget):
            yield from re.findall(
                r"""SEARCH\('\{([^,}]+),([^}]+)} MetricName="([^"]+)"'""", options.get("expression", "")
            )
