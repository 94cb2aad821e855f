"""IAM policies of whoever signs, on one method of the API."""

import pytest

from scrutineer.local.iam_identities import Identity
from scrutineer.local.iam_policy import is_permitted

METHOD = "arn:aws:execute-api:eu-west-1:000000000000:api/live/POST/iam/v1/inspections"
API = "arn:aws:execute-api:eu-west-1:000000000000:api/live"


def allow(**changes):
    return {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{API}/*", **changes}


def without(name, **changes):
    return {key: value for key, value in allow(**changes).items() if key != name}


DENY = allow(Effect="Deny")


def permitted(*statements, limits=()):
    policies = tuple({"Version": "2012-10-17", "Statement": statement} for statement in statements)
    limit_documents = tuple({"Version": "2012-10-17", "Statement": limit} for limit in limits)
    return is_permitted(Identity("A", "s", None, None, True, "arn", "u", policies, limit_documents), METHOD)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ((), False),
        (([allow()],), True),
        ((allow(),), True),
        (([allow(Action=["s3:GetObject", "EXECUTE-API:*"])],), True),
        (([allow(Action="*", Resource="*")],), True),
        (([allow(Action="s3:*", Resource="*")],), False),
        (([allow(Resource=f"{API}/GET/*")],), False),
        (([allow(Resource=f"{API}/POST/iam/v1/inspections")],), True),
        (([allow(Resource=f"{API}/post/iam/v1/inspections")],), False),
        (([allow()], [DENY]), False),
        (([allow(), allow(Effect="Deny", Resource=f"{API}/POST/*")],), False),
        (([allow(), allow(Effect="Deny", Resource=f"{API}/DELETE/*")],), True),
        (([without("Action", NotAction="s3:*")],), True),
        (([without("Action", NotAction=["execute-api:*"])],), False),
        (([without("Resource", NotResource=f"{API}/GET/*")],), True),
        (([without("Resource", NotResource=f"{API}/POST/*")],), False),
        # Another service's statement may hold what is not understood here.
        (([allow(), allow(Effect="Deny", Action="s3:*", Condition={"Bool": {}})],), True),
    ],
)
def test_policies(statements, expected):
    assert permitted(*statements) is expected


@pytest.mark.parametrize("extra", [{"Condition": {"IpAddress": {}}}, {"Resource": f"{API}/*/${{aws:username}}*"}])
def test_what_cannot_be_judged_allows_nothing_and_denies(extra, caplog):
    whole = {"Resource": f"{API}/POST*", **extra}
    if "${" in whole["Resource"]:
        whole = {"Resource": [f"{API}/*", whole["Resource"]]}
    assert not permitted([allow(**whole)])
    assert not permitted([allow(), allow(Effect="Deny", **whole)])
    assert "not emulated" in caplog.text


def test_each_limit_must_allow_it_too():
    assert permitted([allow()], limits=[[allow()], [allow(Action="*", Resource="*")]])
    assert not permitted([allow()], limits=[[allow()], [allow(Action="s3:*")]])
    assert not permitted([allow()], limits=[[allow(), DENY]])
    assert not permitted([], limits=[[allow()]])
