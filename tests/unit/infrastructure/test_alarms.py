"""Alarms: each is told, each has its runbook, and each fits CloudWatch's limits."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.infrastructure.alarms import alarms, filled, looked_at

FILES = ("monitoring.yaml", "objectives.yaml")
DAY_S, WEEK_S, HOUR_S = 86_400, 604_800, 3_600


@pytest.fixture(scope="module")
def told(nested: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Those that somebody is told of; the others are parts of composite ones."""
    return {name: alarm for file in FILES for name, alarm in alarms(nested[file]).items() if alarm.get("AlarmActions")}


def test_every_alarm_has_its_runbook_and_every_runbook_its_alarm(told: Mapping[str, Any], root: Path) -> None:
    page = (root / "docs" / "operate.md").read_text()
    section = page.partition("\n## When an alarm tells\n")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^### (\S+)$", section, flags=re.MULTILINE)) == sorted(told)
    for name, alarm in told.items():
        description = alarm["AlarmDescription"]
        assert description.endswith(f" docs/operate.md#{name}"), name


def test_a_name_is_the_same_in_the_template_and_in_mails(nested: Mapping[str, Any]) -> None:
    for file in FILES:
        for logical_id, resource in nested[file]["Resources"].items():
            if resource["Type"] == "AWS::CloudWatch::Alarm" and "AlarmActions" in resource["Properties"]:
                words = re.findall(r"[A-Z][a-z0-9]*", logical_id)
                assert filled(resource["Properties"]["AlarmName"]) == "stack-" + "-".join(words).lower()


def test_every_alarm_ends_where_it_began(nested: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    topics = {"monitoring.yaml": {"Ref": "Topic"}, "objectives.yaml": {"Ref": "TopicArn"}}
    for file in FILES:
        for name, alarm in alarms(nested[file]).items():
            if name in told:
                assert alarm["AlarmActions"] == alarm["OKActions"] == [topics[file]], name


def test_alarms_fit_the_limits(nested: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
    for file in FILES:
        for name, alarm in alarms(nested[file]).items():
            if "AlarmRule" in alarm:
                continue
            stats = [each["MetricStat"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
            periods = {each["Period"] for each in stats} or {alarm["Period"]}
            assert len(periods) == 1, f"{name}: an expression over different periods"
            (period,) = periods
            assert period % 60 == 0
            assert period * alarm["EvaluationPeriods"] <= (WEEK_S if period >= HOUR_S else DAY_S), name
            assert len(stats) <= 10, name
            assert alarm["TreatMissingData"] in ("notBreaching", "breaching"), name
            assert alarm.get("DatapointsToAlarm", 1) <= alarm["EvaluationPeriods"], name


def test_an_expression_uses_what_it_is_given(nested: Mapping[str, Any]) -> None:
    for file in FILES:
        for name, alarm in alarms(nested[file]).items():
            for each in alarm.get("Metrics", []):
                if "Expression" in each and "METRICS()" not in each["Expression"]:
                    given = {other["Id"] for other in alarm["Metrics"]} - {each["Id"]}
                    assert set(re.findall(r"\b[a-z]+\b", each["Expression"])) == given, name


@pytest.mark.parametrize(
    ("kind", "metric", "wanted"),
    [
        ("AWS::Lambda::Function", "Throttles", None),
        # The authorizer's refusals are errors to Lambda.
        ("AWS::Lambda::Function", "Errors", {"AuthorizerFunction"}),
    ],
)
def test_every_function_is_watched(
    told: Mapping[str, Any], resources: Mapping[str, Any], kind: str, metric: str, wanted: set[str] | None
) -> None:
    watched = {
        value
        for alarm in told.values()
        for looked in looked_at(alarm)
        if (looked.namespace, looked.name) == ("AWS/Lambda", metric)
        for _, value in looked.dimensions
    }
    functions = {name for name, resource in resources.items() if resource["Type"] == kind}
    # Where the migrations fail, the deployment does, and says why.
    assert watched == functions - {"MigrateFunction"} - (wanted or set())


def test_every_queue_is_watched(told: Mapping[str, Any], resources: Mapping[str, Any]) -> None:
    watched = {
        value
        for alarm in told.values()
        for looked in looked_at(alarm)
        if looked.namespace == "AWS/SQS"
        for _, value in looked.dimensions
    }
    queues = {name for name, resource in resources.items() if resource["Type"] == "AWS::SQS::Queue"}
    # A message there only says that something waits, and the schedule finds that out too: webhooks-overdue.
    assert watched == queues - {"NotifyQueue"}


def test_the_topic_is_closed_by_the_stacks_key_which_alarms_may_use(
    nested: Mapping[str, Any], source: Mapping[str, Any]
) -> None:
    topic = nested["monitoring.yaml"]["Resources"]["Topic"]["Properties"]
    assert topic["KmsMasterKeyId"] == {"Ref": "KeyArn"}
    given = source["Resources"]["Monitoring"]["Properties"]["Parameters"]
    assert given["KeyArn"] == {"Fn::GetAtt": ["DataKey", "Arn"]}
    statements = {each["Sid"]: each for each in source["Resources"]["DataKey"]["Properties"]["KeyPolicy"]["Statement"]}
    allowed = statements["AlarmsOfThisAccount"]
    publishing = nested["monitoring.yaml"]["Resources"]["TopicPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert allowed["Principal"] == publishing["Principal"]
    assert set(allowed["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    for statement in (allowed, publishing):
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
