"""What alarms and graphs look at, read out of the nested templates."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

NAMESPACE = "Scrutineer/stack"  # what the functions count, once the templates are filled in
VALUES = {"Namespace": NAMESPACE, "StackName": "stack", "InstancePricePerHour": "1.4", "FixedPricePerHour": "0.3"}


class Looked(NamedTuple):
    """A metric with all its dimensions' values."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


def filled(value: Any, holds: Callable[[str], bool] = lambda condition: True) -> str:
    """A Ref, Sub or If with each parameter's name in place of its value, but for those in VALUES."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return VALUES.get(name, str(name))
        case {"Fn::If": [condition, one, other]}:
            return filled(one if holds(condition) else other, holds)
        case {"Fn::Sub": [str(text), Mapping() as own]}:
            own = {name: filled(each, holds) for name, each in own.items()}
        case {"Fn::Sub": str(text)}:
            own = {}
        case _:
            raise ValueError(f"not read here: {value}")
    known: dict[str, str] = {**VALUES, **own}
    put: str = re.sub(r"\$\{([^!}][^}]*)}", lambda match: known.get(match[1], str(match[1])), text)
    return put.replace("${!", "${")


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
            named = source["Dimensions"]
            for way in named["Fn::If"][1:] if isinstance(named, Mapping) else [named]:
                dimensions = tuple((each["Name"], filled(each["Value"])) for each in way)
                yield Looked(filled(source["Namespace"]), source["MetricName"], dimensions)


def dashboard_body(template: Mapping[str, Any], condition: str) -> dict[str, Any]:
    """As it is where this condition holds and no other."""
    text = filled(template["Resources"]["Dashboard"]["Properties"]["DashboardBody"], lambda name: name == condition)
    body: dict[str, Any] = json.loads(text)
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
    """(namespace, dimensions with commas between, metric) of each SEARCH."""
    for widget in body["widgets"]:
        for *_, options in metric_lines(widget):
            yield from re.findall(
                r"""SEARCH\('\{"([^"]+)",([\w,]+)} MetricName="(\w+)"'""", options.get("expression", "")
            )
