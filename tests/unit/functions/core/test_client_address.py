"""The address in the audit log is one that somebody of ours wrote down, whatever the client says of itself."""

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from core.client_address import client_address
from tests.fakes.api_gateway import rest_event

CLIENT, EDGE, SAID = "203.0.113.7", "198.51.100.1", "10.0.0.1"


@pytest.mark.parametrize(
    ("source_ip", "forwarded_for", "proxies", "found"),
    [
        (CLIENT, CLIENT, 0, CLIENT),
        (CLIENT, f"{SAID}, {CLIENT}", 0, CLIENT),
        (CLIENT, "", 0, CLIENT),
        (EDGE, f"{CLIENT}, {EDGE}", 1, CLIENT),
        (EDGE, f"{SAID},{SAID}, {CLIENT},{EDGE}", 1, CLIENT),
        (EDGE, f"2001:db8::1, {EDGE}", 1, "2001:db8::1"),
        # Past the proxy, or without the header: who asked is known all the same.
        (SAID, SAID, 1, SAID),
        (SAID, "", 1, SAID),
    ],
)
def test_the_address_is_the_one_that_the_outermost_of_ours_saw(
    source_ip: str, forwarded_for: str, proxies: int, found: str
) -> None:
    event = rest_event("GET", "/v1/me", headers={"x-forwarded-for": forwarded_for} if forwarded_for else {})
    event["requestContext"]["identity"] = {"sourceIp": source_ip}
    # Without a proxy, also as a stage without variables has it.
    event["stageVariables"] = {"proxies": str(proxies)} if proxies else None
    assert client_address(APIGatewayProxyEvent(event)) == found
