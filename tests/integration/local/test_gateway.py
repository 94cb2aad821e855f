"""The REST API over HTTP: events, authorizer, usage plans and every refusal."""

import base64
import contextlib
import dataclasses
import json
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from scrutineer.local.gateway import Gateway
from scrutineer.local.http_server import HttpServer


def starts(stack, function):
    return (stack.logs / f"{function}.log").read_text().count("START RequestId")


def test_the_proxy_event(client):
    answer = client.get("/v1/echo/a%20b?x=1&x=2&empty=", headers={"X-Thing": "one"})
    event = answer.json()
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/v1/echo/{name}", "/v1/echo/a%20b", "GET")
    assert event["pathParameters"] == {"name": "a b"}
    assert event["queryStringParameters"] == {"x": "2", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "empty": [""]}
    assert (event["body"], event["isBase64Encoded"], event["stageVariables"]) == (None, False, None)
    context = event["requestContext"]
    assert (context["stage"], context["resourcePath"]) == ("live", "/v1/echo/{name}")
    assert context["path"] == "/live/v1/echo/a%20b"
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["requestId"] == answer.headers["x-amzn-requestid"]
    authorizer = context["authorizer"]
    # Whatever the authorizer gave arrives as text.
    assert (authorizer["principalId"], authorizer["tries"], authorizer["trusted"]) == ("client-1", "3", "true")
    assert answer.headers.get_list("x-many") == ["a", "b"]


def test_header_names_arrive_as_sent(stack):
    address = urlsplit(stack.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(
            b"GET /live/v1/echo/x HTTP/1.1\r\nHost: here\r\nX-API-Key: k\r\nX-Mixed: 1\r\nX-Mixed: 2\r\n"
            b"Connection: close\r\n\r\n"
        )
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    event = json.loads(data.partition(b"\r\n\r\n")[2])
    assert event["headers"]["X-API-Key"] == "k"
    assert event["headers"]["X-Mixed"] == "2"
    assert event["multiValueHeaders"]["X-Mixed"] == ["1", "2"]


def test_bodies_are_text_or_base64_by_media_type(client):
    text = client.post("/v1/echo", content="grün".encode(), headers={"content-type": "text/plain"}).json()
    assert (text["body"], text["isBase64Encoded"]) == ("grün", False)
    image = client.post("/v1/echo", content=b"\x89PNG\xff", headers={"content-type": "image/png"}).json()
    assert image["isBase64Encoded"]
    assert base64.b64decode(image["body"]) == b"\x89PNG\xff"


def test_a_greedy_route_takes_any_method(client):
    event = client.put("/v1/files/a/b/c").json()
    assert (event["resource"], event["pathParameters"]) == ("/v1/files/{proxy+}", {"proxy": "a/b/c"})


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_reaches_its_function(client, method):
    event = client.request(method, "/v1/files/a", content=b"text" if method != "GET" else None).json()
    assert event["httpMethod"] == event["requestContext"]["httpMethod"] == method
    assert event["body"] == (None if method == "GET" else "text")


@pytest.mark.parametrize(
    ("sent", "decoded"),
    [
        ("a%20b", "a b"),
        ("a+b", "a+b"),
        ("a%2Fb", "a/b"),
        ("caf%C3%A9", "café"),
        ("%2525", "%25"),
        ("a%", "a%"),
        ("..%2F..", "../.."),
        ("%00", "\0"),
    ],
)
def test_path_parameters_are_decoded_once(stack, sent, decoded):
    address = urlsplit(stack.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        request = f"GET /live/v1/echo/{sent} HTTP/1.1\r\nHost: here\r\nx-api-key: k\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    event = json.loads(data.partition(b"\r\n\r\n")[2])
    assert (event["pathParameters"], event["path"]) == ({"name": decoded}, f"/v1/echo/{sent}")


def test_an_authorizer_without_identity_sources_is_asked_every_time(client, stack):
    before = starts(stack, "AuthorizerFunction")
    assert [client.get("/v1/every-time").status_code for _ in range(3)] == [200] * 3
    del client.headers["x-api-key"]
    # It decides itself which way in it takes.
    assert client.get("/v1/every-time", headers={"Authorization": "Bearer someone"}).status_code == 200
    assert client.get("/v1/every-time", headers={"Authorization": "Bearer denied"}).status_code == 403
    assert client.get("/v1/every-time").status_code == 401
    assert starts(stack, "AuthorizerFunction") - before == 6


def test_an_open_route_needs_no_key(stack):
    answer = httpx.get(stack.url + "/v1/open", trust_env=False)
    assert answer.status_code == 200
    assert "authorizer" not in answer.json()["requestContext"]


def test_unknown_routes(client, stack):
    answer = client.get("/v1/nothing")
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "MISSING_AUTHENTICATION_TOKEN"
    assert answer.json()["instance"] == answer.headers["x-request-id"] == answer.headers["x-amzn-requestid"]
    assert client.delete("/v1/echo").status_code == 403
    outside = stack.url.removesuffix("/live")
    assert httpx.get(outside + "/v1/open", trust_env=False).status_code == 403


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("unauthorized", 401, "unauthorized"),
        ("", 401, "unauthorized"),
        (None, 401, "unauthorized"),
        ("denied", 403, "ACCESS_DENIED"),
        ("readonly", 403, "ACCESS_DENIED"),
        ("planless", 403, "INVALID_API_KEY"),
        ("broken", 500, None),
        ("malformed", 500, None),
    ],
)
def test_refusals_of_the_authorizer(stack, key, status, code):
    headers = {} if key is None else {"x-api-key": key}
    answer = httpx.post(stack.url + "/v1/echo", headers=headers, trust_env=False)
    assert answer.status_code == status
    assert answer.json().get("code") == code


def test_the_authorizer_is_asked_once_and_its_policy_judged_each_time(client, stack):
    client.headers["x-api-key"] = "readonly"
    before = starts(stack, "AuthorizerFunction")
    for _ in range(3):
        assert client.get("/v1/echo/x").status_code == 200
        assert client.post("/v1/echo").status_code == 403
    # "readonly" may be cached from another test, but is never asked for again and again.
    assert starts(stack, "AuthorizerFunction") - before <= 1


def test_the_plans_throttle(client):
    client.headers["x-api-key"] = "slow"
    statuses = [client.get("/v1/echo/x").status_code for _ in range(8)]
    assert statuses[:3] == [200, 200, 200]
    assert 429 in statuses[3:]


def test_too_large_requests(client, stack):
    assert client.post("/v1/echo", content=b"x" * (10 * 1024 * 1024 + 1)).status_code == 413
    # Below the gateway's limit, above Lambda's.
    assert client.post("/v1/echo", content=b"x" * (7 * 1024 * 1024)).status_code == 413

    def chunks():
        for _ in range(11):
            yield b"x" * 1024 * 1024

    # Without a Content-Length the gateway counts, and may answer before all is sent.
    with contextlib.suppress(httpx.WriteError):
        assert client.post("/v1/echo", content=chunks()).status_code == 413
    assert client.get("/v1/echo/x").status_code == 200


@pytest.mark.parametrize("act", ["raise", "malformed", "exit", "large"])
def test_a_failed_function_is_a_502(client, act):
    answer = client.post("/v1/echo", json={"act": act})
    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})


def test_the_integration_timeout_is_a_504_and_the_function_goes_on(stack):
    (api,) = stack.template.apis.values()
    hasty = dataclasses.replace(api, routes=tuple(dataclasses.replace(route, timeout_s=0.3) for route in api.routes))
    gateway = Gateway(hasty, stack.functions)
    server = HttpServer(gateway, name="hasty-gateway")
    server.start()
    try:
        answer = httpx.post(
            server.url + "/live/v1/echo",
            json={"act": "sleep", "seconds": 1},
            headers={"x-api-key": "k"},
            trust_env=False,
        )
        assert (answer.status_code, answer.json()) == (504, {"message": "Endpoint request timed out"})
        assert any(slot.busy for slot in stack.functions["EchoFunction"].slots())
    finally:
        server.stop()
        gateway.close()
