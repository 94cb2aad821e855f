"""Routes, proxy answers and gateway responses, each by itself."""

import json

import pytest

from scrutineer.local.errors import TemplateUnsupported
from scrutineer.local.function_pool import InvokeResult
from scrutineer.local.gateway_event import MalformedAnswer, Request, answer_from
from scrutineer.local.gateway_responses import GatewayResponses, Refused
from scrutineer.local.gateway_routes import Routes
from scrutineer.local.pollers import handled_messages
from scrutineer.local.queues import Received
from scrutineer.local.template_model import GatewayResponseSpec, RouteSpec

REQUEST = Request("GET", "/", "", (), b"", "127.0.0.1", "HTTP/1.1", "request-1")


def routes(*paths):
    return Routes(RouteSpec(path, method, "F", None, False, 29) for method, path in paths)


def test_fixed_parts_before_parameters_before_greedy_ones():
    table = routes(("GET", "/v1/{proxy+}"), ("GET", "/v1/{id}"), ("GET", "/v1/list"), ("ANY", "/v1/{id}/photos"))
    assert table.find("GET", "/v1/list").route.path == "/v1/list"
    assert table.find("GET", "/v1/a%20b").parameters == {"id": "a b"}
    assert table.find("GET", "/v1/a/b").parameters == {"proxy": "a/b"}
    assert table.find("PUT", "/v1/a/photos").route.method == "ANY"
    assert table.find("POST", "/v1/list") is None
    assert table.find("GET", "/v2/list") is None
    assert table.find("GET", "/v1") is None


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "text",
        {},
        {"statusCode": "x"},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "surprise": 1},
        {"statusCode": 200, "headers": ["a"]},
    ],
)
def test_malformed_proxy_answers(answer):
    with pytest.raises(MalformedAnswer):
        answer_from(json.dumps(answer).encode(), REQUEST)


def test_a_binary_answer_is_decoded():
    answer = answer_from(json.dumps({"statusCode": 200, "body": "aGk=", "isBase64Encoded": True}).encode(), REQUEST)
    assert answer.body == b"hi"


def test_gateway_responses_take_the_template_and_the_default_of_their_class():
    responses = GatewayResponses(
        {
            "DEFAULT_4XX": GatewayResponseSpec(
                status=None,
                headers={"content-type": "'application/problem+json'", "X-Id": "context.requestId"},
                templates={
                    "application/json": '{"m": $context.error.messageString, "t": "$context.error.responseType"}'
                },
            ),
            "THROTTLED": GatewayResponseSpec(status=503, headers={"Retry-After": "'1'"}, templates={}),
        }
    )
    denied = responses.answer(Refused("ACCESS_DENIED"), {"requestId": "r"})
    assert denied.status == 403
    assert json.loads(denied.body) == {"m": "User is not authorized to access this resource", "t": "ACCESS_DENIED"}
    assert dict(denied.headers)["content-type"] == "application/problem+json"
    assert dict(denied.headers)["X-Id"] == "r"
    throttled = responses.answer(Refused("THROTTLED"), {})
    assert (throttled.status, dict(throttled.headers)["Retry-After"]) == (503, "1")
    failed = responses.answer(Refused("DEFAULT_5XX"), {})
    assert (failed.status, json.loads(failed.body)) == (502, {"message": "Internal server error"})


@pytest.mark.parametrize("text", ["#set($a = 1)", "$input.body", "$context.unknown.thing"])
def test_gateway_response_templates_with_logic_are_refused(text):
    spec = GatewayResponseSpec(status=None, headers={}, templates={"application/json": text})
    with pytest.raises(TemplateUnsupported):
        GatewayResponses({"DEFAULT_4XX": spec})


MESSAGES = [Received(name, f"{name}/r", "", {}, {}) for name in ("a", "b")]


@pytest.mark.parametrize(
    ("answer", "handled"),
    [
        ({"batchItemFailures": []}, ["a", "b"]),
        (None, ["a", "b"]),
        ({}, ["a", "b"]),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, ["a"]),
        ({"batchItemFailures": [{"itemIdentifier": "c"}]}, []),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, []),
        ({"batchItemFailures": [{"wrong": "a"}]}, []),
        ("text", []),
    ],
)
def test_partial_batch_failures(answer, handled):
    result = InvokeResult(json.dumps(answer).encode(), None, False)
    assert [message.id for message in handled_messages(MESSAGES, result, True)] == handled


def test_a_failed_function_handled_nothing():
    result = InvokeResult(b"{}", "Unhandled", False)
    assert handled_messages(MESSAGES, result, True) == []
    assert handled_messages(MESSAGES, result, False) == []
