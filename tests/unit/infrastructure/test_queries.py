"""The saved queries: every field that they name is one that these functions write, every message one that is logged."""

import ast
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from core.errors import Unavailable
from core.observability import logger
from core.refusals import note_problem
from tests.fakes.api_gateway import FakeContext
from tests.unit.functions.core.test_end_metrics import counted, final
from tests.unit.functions.test_metrics import modules, reached_from, tree_of

WORDS = {"filter", "fields", "stats", "sort", "limit", "by", "desc", "asc", "and", "or", "not", "as"}
ALWAYS = {"@timestamp", "@message"}
# What API Gateway and Lambda add where tracing is on.
TRACED = {"xray_trace_id"}


@pytest.fixture(scope="module")
def queries(nested: Mapping[str, Any]) -> dict[str, tuple[list[str], str]]:
    """Log groups and text by name."""
    return {
        resource["Properties"]["Name"]["Fn::Sub"].partition("/")[2]: (
            [group["Fn::Sub"] for group in resource["Properties"]["LogGroupNames"]],
            resource["Properties"]["QueryString"],
        )
        for resource in nested["dashboard.yaml"]["Resources"].values()
        if resource["Type"] == "AWS::Logs::QueryDefinition"
    }


def test_there_is_one_for_each_question(queries: Mapping[str, Any]) -> None:
    assert sorted(queries) == [
        "problems by code",
        "requests by route",
        "retries",
        "slowest inspections by stage",
        "the way of one inspection",
        "usage by client and hour",
        "webhook attempts by endpoint",
    ]


def test_fields_are_those_that_are_written(
    queries: Mapping[str, tuple[list[str], str]],
    document: Mapping[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    ends, *_ = counted(capsys, final())
    for name, (groups, text) in queries.items():
        if groups == ["/aws/apigateway/${StackName}"]:
            there = access_log_fields(document)
        else:
            there = line_fields() | TRACED | set().union(*(logged_by(group.rpartition("/")[2])[1] for group in groups))
            if any(group.endswith(("/format", "/archive")) for group in groups):
                there |= set(ends)
        assert fields_of(text) <= there | ALWAYS, name


def test_messages_are_those_that_are_logged(queries: Mapping[str, tuple[list[str], str]]) -> None:
    asked = 0
    for name, (groups, text) in queries.items():
        for message in re.findall(r"message = '([^']+)'", text):
            asked += 1
            for group in groups:
                assert message in logged_by(group.rpartition("/")[2])[0], f"{name}: {group}"
    assert asked >= 2


def test_a_problem_is_logged_by_its_code(logged: io.StringIO) -> None:
    note_problem(Unavailable("The database is away."))
    line = json.loads(logged.getvalue())
    assert (line["level"], line["code"], line["status"]) == ("WARNING", "unavailable", 503)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    before = logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
    yield stream
    logger.registered_handler.setStream(before)  # type: ignore[attr-defined]


def line_fields() -> set[str]:
    """What stands in every line of a function: its logger is asked."""
    stream = io.StringIO()
    before = logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
    try:

        @logger.inject_lambda_context(clear_state=True)
        def handler(event: dict[str, Any], context: Any) -> None:
            logger.info("a line")

        handler({}, FakeContext())
    finally:
        logger.registered_handler.setStream(before)  # type: ignore[attr-defined]
    (line,) = stream.getvalue().splitlines()
    return set(json.loads(line))


def logged_by(stage: str) -> tuple[set[str], set[str]]:
    """Messages and fields of all that a function's code logs, wherever it is imported from."""
    messages: set[str] = set()
    fields: set[str] = set()
    for module in reached_from(f"{stage}.app"):
        for node in ast.walk(tree_of(modules()[module])):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="logger"), attr=attr), args=args, keywords=keywords):
                    fields |= {each.arg for each in keywords if each.arg}
                    if attr != "append_keys" and args and isinstance(args[0], ast.Constant):
                        messages.add(str(args[0].value))
                case ast.Call(func=ast.Name(id="note"), keywords=keywords):  # core/refusals.py
                    fields |= {each.arg for each in keywords if each.arg}
    return messages, fields


def access_log_fields(document: Mapping[str, Any]) -> set[str]:
    (stage,) = [each for each in document["Resources"].values() if each["Type"] == "AWS::ApiGateway::Stage"]
    return set(json.loads(stage["Properties"]["AccessLogSetting"]["Format"]))


def fields_of(query: str) -> set[str]:
    """The fields that a query of CloudWatch Logs Insights reads: names that are no word of its language, no function
    and none of its own."""
    text = re.sub(r"'[^']*'|#.*", " ", query)
    aliases = set(re.findall(r"\bas\s+(\w+)", text))
    names = set(re.findall(r"(?<![\w@])[@A-Za-z_]\w*(?!\w*\s*\()", text))
    return names - aliases - WORDS
