"""Policies of Lambda authorizers, evaluated as API Gateway does."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrutineer.local.policy import PolicyMalformed, is_allowed

API = "arn:aws:execute-api:eu-west-1:000000000000:api/live"


def statement(effect, *resources, action="execute-api:Invoke"):
    return {"Effect": effect, "Action": action, "Resource": list(resources)}


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.mark.parametrize(
    ("resource", "allowed"),
    [
        (f"{API}/GET/v1/echo", True),
        (f"{API}/GET/*", True),
        (f"{API}/*", True),
        ("arn:aws:execute-api:*:*:api/*/GET/v1/????", True),
        ("*", True),
        (f"{API}/POST/*", False),
        (f"{API}/get/v1/echo", False),
        (f"{API}/GET/v1/ech", False),
        (f"{API}/GET/v1/ec.o", False),
    ],
)
def test_resource_patterns(resource, allowed):
    assert is_allowed(policy(statement("Allow", resource)), f"{API}/GET/v1/echo") is allowed


def test_deny_wins_over_allow_in_any_order():
    allow, deny = statement("Allow", "*"), statement("Deny", f"{API}/GET/*")
    assert not is_allowed(policy(allow, deny), f"{API}/GET/x")
    assert not is_allowed(policy(deny, allow), f"{API}/GET/x")
    assert is_allowed(policy(deny, allow), f"{API}/POST/x")


def test_actions():
    assert is_allowed(policy(statement("Allow", "*", action="execute-api:*")), API)
    assert is_allowed(policy(statement("Allow", "*", action="EXECUTE-API:invoke")), API)
    assert not is_allowed(policy(statement("Allow", "*", action="s3:GetObject")), API)


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"Statement": []},
        policy({"Effect": "Perhaps", "Action": "*", "Resource": "*"}),
        policy({"Effect": "Allow", "Action": "*"}),
        policy({"Effect": "Allow", "NotAction": "x", "Resource": "*"}),
        policy({**statement("Allow", "*"), "Condition": {"IpAddress": {}}}),
        policy("Allow"),
    ],
)
def test_malformed(document):
    with pytest.raises(PolicyMalformed):
        is_allowed(document, API)


@given(st.text(alphabet="ab/.*+[", max_size=12), st.text(alphabet="ab/.+[", max_size=12))
def test_a_pattern_means_only_its_wildcards(pattern, text):
    pieces = [re.escape(piece) for piece in pattern.split("*")]
    expected = re.compile(".*".join(pieces), re.DOTALL).fullmatch(text) is not None
    if pattern:
        assert is_allowed(policy(statement("Allow", pattern)), text) is expected
