"""Policies of a role: what they allow, and that every grant that is taken away is missed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrutineer.local.role_permissions import Grant, Need, RolePermissions, StatementUnsupported

OBJECT = "arn:aws:s3:::bucket/photos/1"


def allow(action="s3:GetObject", resource="arn:aws:s3:::bucket/*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def allowed(*statements, action="s3:GetObject", resource=OBJECT, **context):
    return bool(RolePermissions(statements).allowing(Need(action, resource, context)))


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], False),
        ([allow()], True),
        ([allow(action=["sqs:SendMessage", "S3:getobject"])], True),
        ([allow(action="s3:Get*")], True),
        ([allow(action="s3:PutObject")], False),
        ([allow(resource="arn:aws:s3:::bucket")], False),
        ([allow(resource=["arn:aws:s3:::other/*", "arn:aws:s3:::bucket/photos/?"])], True),
        ([allow(resource="arn:aws:s3:::BUCKET/*")], False),
        ([allow(resource=[])], False),
        ([allow(), {**allow(resource=OBJECT), "Effect": "Deny"}], False),
        ([allow(), {**allow(resource="arn:aws:s3:::bucket/other"), "Effect": "Deny"}], True),
    ],
)
def test_statements(statements, expected):
    assert allowed(*statements) is expected


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        ({"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}, "s3.eu-west-1.amazonaws.com", True),
        ({"StringEquals": {"KMS:viaservice": ["a", "b"]}}, "b", True),
        ({"StringEquals": {"kms:ViaService": "s3.*"}}, "s3.eu-west-1.amazonaws.com", False),
        ({"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}, "s3.eu-west-1.amazonaws.com", True),
        ({"StringEquals": {"aws:ResourceAccount": "1"}}, "1", False),
    ],
)
def test_conditions(condition, context, expected):
    statement = allow(Condition=condition)
    assert allowed(statement, **{"kms:ViaService": context}) is expected


@pytest.mark.parametrize(
    "more", [{"NotAction": "s3:*"}, {"NotResource": "*"}, {"Principal": "*"}, {"Condition": {"IpAddress": {}}}]
)
def test_what_is_not_understood_is_no_policy(more):
    with pytest.raises(StatementUnsupported):
        RolePermissions([allow(**more)])


def test_what_names_no_resource_needs_the_action_alone():
    assert allowed(
        allow(action="ecr:GetAuthorizationToken", resource="*"), action="ecr:GetAuthorizationToken", resource=None
    )
    assert not allowed(allow(), action="ecr:GetAuthorizationToken", resource=None)


grants = st.builds(
    Grant,
    st.sampled_from(["s3:GetObject", "s3:PutObject", "sqs:SendMessage"]),
    st.sampled_from(["arn:a", "arn:b", "arn:c"]),
)


@given(st.sets(grants, min_size=1))
def test_without_its_grant_each_need_is_refused(held):
    permissions = RolePermissions([allow(grant.action, grant.resource) for grant in held])
    assert permissions.grants == held
    for grant in held:
        need = Need(grant.action, grant.resource, {})
        assert permissions.allowing(need) == {grant}
        others = RolePermissions([allow(other.action, other.resource) for other in held - {grant}])
        assert others.allowing(need) == frozenset()
