"""AWS_IAM routes, called by machines with access keys of the stack's own IAM."""

import contextlib
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from scrutineer.local.gateway import Gateway
from scrutineer.local.http_server import HttpServer
from scrutineer.local.iam_identities import finder
from scrutineer.local.template_model import ACCOUNT

ECHO = "/iam/echo/one"


def statement(stack, methods="*", effect="Allow"):
    return {"Effect": effect, "Action": "execute-api:Invoke", "Resource": f"{stack.api_arn}/{methods}"}


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.fixture(scope="module")
def machine(stack):
    may_not_delete = statement(stack, "DELETE/iam/echo/*", "Deny")
    return stack.create_machine("machine", policy(statement(stack), may_not_delete))


@pytest.fixture(scope="module")
def iam(stack):
    return stack.client("iam")


def send(stack, credentials, path=ECHO, method="POST", *, body=b"{}", sent=None, url=None):
    """Signs `body` and sends it, or `sent` in its place."""
    request = AWSRequest(method, (url or stack.url) + path, {"Content-Type": "text/plain"}, body)
    SigV4Auth(credentials, "execute-api", "eu-west-1").add_auth(request)
    return httpx.request(
        method, request.url, headers=dict(request.headers), content=body if sent is None else sent, trust_env=False
    )


def credentials_of(machine):
    return Credentials(machine.access_key_id, machine.secret)


def test_the_function_learns_who_signed(stack, machine, iam):
    answer = send(stack, credentials_of(machine), body="grün".encode())
    assert answer.status_code == 200
    event = answer.json()
    assert event["body"] == "grün"
    assert event["pathParameters"] == {"name": "one"}
    user_id = iam.get_user(UserName="machine")["User"]["UserId"]
    identity = event["requestContext"]["identity"]
    assert {name: identity[name] for name in ("accessKey", "accountId", "caller", "user", "userArn")} == {
        "accessKey": machine.access_key_id,
        "accountId": ACCOUNT,
        "caller": user_id,
        "user": user_id,
        "userArn": machine.arn,
    }
    assert "authorizer" not in event["requestContext"]
    # The signature stays with the gateway, and the secret was never sent.
    assert "Authorization" not in event["headers"]
    assert machine.secret not in answer.text


@pytest.mark.parametrize(
    "path", ["/iam/echo/a%20b", "/iam/echo/a%2Fb", "/iam/echo/caf%C3%A9", "/iam/echo/x?b=2&a=%2F&c"]
)
def test_any_spelling_of_a_path_is_signed_as_sent(stack, machine, path):
    assert send(stack, credentials_of(machine), path).status_code == 200


def error(answer):
    return answer.status_code, answer.headers["x-amzn-errortype"], answer.json()["code"]


def test_a_changed_body_is_refused(stack, machine):
    answer = send(stack, credentials_of(machine), body=b'{"amount": 1}', sent=b'{"amount": 9}')
    assert error(answer) == (403, "InvalidSignatureException", "INVALID_SIGNATURE")


def test_an_unsigned_request_is_refused(stack):
    for headers in ({}, {"x-api-key": "someone"}):
        answer = httpx.post(stack.url + ECHO, headers=headers, trust_env=False)
        assert error(answer) == (403, "MissingAuthenticationTokenException", "MISSING_AUTHENTICATION_TOKEN")
    answer = httpx.post(stack.url + ECHO, headers={"Authorization": "Bearer a.b.c"}, trust_env=False)
    assert error(answer) == (403, "IncompleteSignatureException", "INVALID_SIGNATURE")


def test_an_unknown_route_takes_any_authorization_header_for_a_signature(stack, machine):
    answer = httpx.post(stack.url + "/nothing", headers={"Authorization": "Bearer a.b.c"}, trust_env=False)
    assert error(answer) == (403, "IncompleteSignatureException", "INVALID_SIGNATURE")
    answer = send(stack, credentials_of(machine), "/nothing")
    assert error(answer) == (403, "MissingAuthenticationTokenException", "MISSING_AUTHENTICATION_TOKEN")


def test_an_unknown_key_is_refused(stack, machine):
    for key_id in ("AKIAUNKNOWN", "../usage-plans", ""):
        answer = send(stack, Credentials(key_id, machine.secret))
        assert answer.status_code == 403
        assert answer.json()["code"] == "INVALID_SIGNATURE"


@pytest.mark.parametrize("path", [ECHO, "/iam/echo/other", "/iam/ech%6F/one", "/iam/echo/one/", "//iam/echo/one"])
def test_no_spelling_of_a_path_evades_a_deny(stack, machine, path):
    answer = send(stack, credentials_of(machine), path, "DELETE")
    assert error(answer) == (403, "AccessDeniedException", "ACCESS_DENIED")
    assert machine.arn in answer.json()["title"]


def test_a_machine_without_the_permission_is_refused(stack):
    stranger = stack.create_machine("stranger", policy(statement(stack, "GET/iam/echo/one")))
    assert error(send(stack, credentials_of(stranger))) == (403, "AccessDeniedException", "ACCESS_DENIED")
    assert send(stack, credentials_of(stranger), method="GET", body=b"").status_code == 200
    assert send(stack, credentials_of(stranger), "/iam/echo/two", "GET", body=b"").status_code == 403


def test_a_key_that_is_switched_off_is_refused_at_once(stack, iam):
    machine = stack.create_machine("leaver", policy(statement(stack)))
    assert send(stack, credentials_of(machine)).status_code == 200
    iam.update_access_key(UserName="leaver", AccessKeyId=machine.access_key_id, Status="Inactive")
    assert error(send(stack, credentials_of(machine)))[1] == "UnrecognizedClientException"


def test_a_group_and_a_managed_policy_count(stack, iam):
    iam.create_user(UserName="member")
    iam.create_group(GroupName="machines")
    iam.add_user_to_group(GroupName="machines", UserName="member")
    document = json.dumps(policy(statement(stack)))
    arn = iam.create_policy(PolicyName="may-invoke", PolicyDocument=document)["Policy"]["Arn"]
    key = iam.create_access_key(UserName="member")["AccessKey"]
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    assert send(stack, credentials).status_code == 403
    iam.attach_group_policy(GroupName="machines", PolicyArn=arn)
    assert send(stack, credentials).status_code == 200


def test_an_assumed_role(stack, iam):
    trust = json.dumps(policy({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}))
    arn = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="worker", PolicyName="all", PolicyDocument=json.dumps(policy(statement(stack))))

    def assume(**options):
        given = stack.client("sts").assume_role(RoleArn=arn, RoleSessionName="night", **options)["Credentials"]
        return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    session = assume()
    identity = send(stack, session).json()["requestContext"]["identity"]
    assert identity["userArn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/night"
    assert identity["caller"].endswith(":night")
    untrue = Credentials(session.access_key, session.secret_key, "another token")
    assert error(send(stack, untrue))[1] == "UnrecognizedClientException"
    limited = assume(Policy=json.dumps(policy(statement(stack, "GET/*"))))
    assert send(stack, limited).status_code == 403
    assert send(stack, limited, method="GET", body=b"").status_code == 200


@pytest.fixture
def another_gateway(stack):
    """The same API behind a gateway with other parts; gives its address."""
    (api,) = stack.template.apis.values()
    with contextlib.ExitStack() as cleanup:

        def start(**parts):
            gateway = Gateway(api, stack.functions, **parts)
            cleanup.callback(gateway.close)
            server = HttpServer(gateway, name="another-gateway")
            cleanup.callback(server.stop)
            server.start()
            return f"{server.url}/{api.stage}"

        yield start


def test_without_the_aws_services_nobody_is_recognised(stack, machine, another_gateway):
    # Nothing listens on port 9.
    url = another_gateway(find_identity=finder("http://127.0.0.1:9"))
    answer = send(stack, credentials_of(machine), url=url)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (500, "AuthorizerFailureException")


@pytest.mark.parametrize(("minutes", "status"), [(-6, 403), (-4, 200), (4, 200), (6, 403)])
def test_a_signature_is_good_for_five_minutes(stack, machine, another_gateway, minutes, status):
    url = another_gateway(
        find_identity=finder(stack.services_url), now=lambda: datetime.now(UTC) + timedelta(minutes=minutes)
    )
    answer = send(stack, credentials_of(machine), url=url)
    assert answer.status_code == status
    if status == 403:
        assert error(answer) == (403, "InvalidSignatureException", "INVALID_SIGNATURE")
