"""Requests as no good client writes them, byte by byte through the real HTTP server."""

import json
import socket
from urllib.parse import urlsplit

import pytest

TRUSTED = b"X-Api-Key: someone"


@pytest.fixture
def send(stack):
    """Sends lines as they are; status and body of the answer."""
    address = urlsplit(stack.url)

    def exchange(*lines, target=b"/live/v1/echo/x", method=b"GET", body=b""):
        head = b"\r\n".join([method + b" " + target + b" HTTP/1.1", b"Host: here", *lines, b"Connection: close"])
        with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
            connection.sendall(head + b"\r\n\r\n" + body)
            data = b"".join(iter(lambda: connection.recv(65536), b""))
        first, _, rest = data.partition(b"\r\n")
        return int(first.split()[1]), rest.partition(b"\r\n\r\n")[2]

    return exchange


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([TRUSTED], 200),
        ([b"X-API-KEY: someone"], 200),
        ([b"x-api-key:someone"], 200),
        ([b"x-api-key:   someone   "], 200),
        ([], 401),
        ([b"x-api-key:"], 401),
        ([b"x-api-key:    "], 401),
        ([b"x-api-key: \t "], 401),
        # The last value is the one: before the authorizer's cache as in its event.
        ([b"x-api-key: denied", b"x-api-key: someone"], 200),
        ([b"x-api-key: someone", b"x-api-key: denied"], 403),
        ([b"x-api-key: someone", b"X-API-KEY: denied"], 403),
        ([b"X-API-KEY: someone", b"x-api-key: denied"], 403),
        ([b"x-api-key: someone", b"x-api-key:"], 401),
        # Part of the line before.
        ([b" x-api-key: someone"], 401),
        # Not the same header.
        ([b"x_api_key: someone"], 401),
        ([b"x-api-key2: someone"], 401),
        # Not HTTP: refused before it is a request.
        ([b"x-api-key : someone"], 400),
        ([b"x-api-key"], 400),
        ([b": someone"], 400),
        ([b"x-api-key: some\x00one"], 400),
        ([TRUSTED, b"Host: elsewhere"], 400),
        ([TRUSTED, b"Content-Length: 1", b"Content-Length: 2"], 400),
        ([TRUSTED, b"Content-Length: -1"], 400),
        ([TRUSTED, b"Transfer-Encoding: gzip"], 400),
    ],
)
def test_who_is_let_in(send, lines, status):
    # Asked twice, so that the authorizer's cache has its say as well.
    assert [send(*lines)[0] for _ in range(2)] == [status] * 2


def event_of(send, *lines, **options):
    status, body = send(TRUSTED, *lines, **options)
    assert status == 200
    return json.loads(body)


def names_of(event, name):
    return [known for known in event["headers"] if known.lower() == name]


@pytest.mark.parametrize(
    ("lines", "name", "single", "multiple"),
    [
        ([b"X-Thing: a", b"X-Thing: b"], "X-Thing", "b", ["a", "b"]),
        ([b"X-Thing: a", b"x-thing: b", b"X-THING: c"], "X-Thing", "c", ["a", "b", "c"]),
        (
            [b"Authorization: Bearer a", b"authorization: Bearer b"],
            "Authorization",
            "Bearer b",
            ["Bearer a", "Bearer b"],
        ),
        ([b"X-Thing: a, b"], "X-Thing", "a, b", ["a, b"]),
        # A folded line is one value.
        ([b"X-Thing: a", b"  b: c"], "X-Thing", "a b: c", ["a b: c"]),
        ([b"X-Thing: caf\xe9"], "X-Thing", "caf\xe9", ["caf\xe9"]),
        # Each hop adds whom it heard it from: only the last address is the gateway's word.
        ([], "X-Forwarded-For", "127.0.0.1", ["127.0.0.1"]),
        ([b"X-Forwarded-For: 10.0.0.1"], "X-Forwarded-For", "10.0.0.1, 127.0.0.1", ["10.0.0.1, 127.0.0.1"]),
        (
            [b"x-forwarded-for: 10.0.0.1", b"X-FORWARDED-FOR: 10.0.0.2"],
            "X-Forwarded-For",
            "10.0.0.1, 10.0.0.2, 127.0.0.1",
            ["10.0.0.1, 10.0.0.2, 127.0.0.1"],
        ),
        ([b"X-Forwarded-Proto: http"], "X-Forwarded-Proto", "https", ["https"]),
        ([b"x-forwarded-port: 1"], "X-Forwarded-Port", "443", ["443"]),
    ],
)
def test_what_the_function_sees(send, lines, name, single, multiple):
    event = event_of(send, *lines)
    assert names_of(event, name.lower()) == [name]
    assert event["headers"][name] == single
    assert event["multiValueHeaders"][name] == multiple


def test_a_header_says_nothing_about_who_calls(send):
    event = event_of(
        send,
        b"X-Forwarded-For: 10.0.0.1",
        b"X-Amzn-RequestId: mine",
        b"X-Amzn-Authorizer: admin",
        b"x-amzn-apigateway-api-id: other",
        b"X-Amz-Security-Token: root",
        b"User-Arn: arn:aws:iam::1:root",
    )
    context = event["requestContext"]
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["identity"]["userArn"] is None
    assert context["authorizer"]["principalId"] == "client-1"
    assert context["requestId"] not in ("mine", "")
    assert context["apiId"] == "api"


@pytest.mark.parametrize(("value_bytes", "status"), [(9_000, 200), (10_240, 413), (60_000, 413)])
def test_the_size_of_all_headers_has_a_limit(send, value_bytes, status):
    assert send(TRUSTED, b"X-Thing: " + b"a" * value_bytes)[0] == status
    assert send(TRUSTED, *[b"X-Thing: " + b"a" * 90] * (value_bytes // 101))[0] == status


def test_a_second_request_in_the_body_stays_in_the_body(send, stack):
    inner = b"GET /live/v1/open HTTP/1.1\r\nHost: here\r\n\r\n"
    before = (stack.logs / "EchoFunction.log").read_text().count("START RequestId")
    length = b"Content-Length: " + str(len(inner)).encode()
    event = event_of(send, length, method=b"POST", target=b"/live/v1/echo", body=inner)
    assert event["body"].encode() == inner
    assert (stack.logs / "EchoFunction.log").read_text().count("START RequestId") == before + 1
