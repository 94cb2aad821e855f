"""The statements of a function's role, with every resource as the local stack names it."""

from collections.abc import Iterator, Mapping
from typing import Any

from scrutineer.local.errors import TemplateUnsupported
from scrutineer.local.role_permissions import RolePermissions, StatementUnsupported
from scrutineer.local.template_resources import Resources

ROLE, POLICY, MANAGED_POLICY = "AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"
MANAGED_PREFIX = "arn:aws:iam::aws:policy/"
LOGGING = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html, those that SAM gives by itself.
AWS_MANAGED: Mapping[str, list[str]] = {
    "service-role/AWSLambdaBasicExecutionRole": LOGGING,
    "service-role/AWSLambdaSQSQueueExecutionRole": [
        *LOGGING,
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
    ],
}

Statement = Mapping[str, Any]


def role_statements(resources: Resources, role_arn: Any, used_by: str) -> tuple[Statement, ...]:
    """Of the role that a function's `Role` names. Raises `TemplateUnsupported` for what can't be judged here."""
    match role_arn:
        case {"Fn::GetAtt": [str(role), "Arn"]} if role in resources.written:
            statements = tuple(_resolved(resources, role, statement) for statement in _statements(resources, role))
        case _:
            raise TemplateUnsupported(used_by, f"the role {role_arn}, which is not of this template,")
    try:
        RolePermissions(statements)
    except StatementUnsupported as error:
        raise TemplateUnsupported(role, str(error)) from error
    return statements


def _statements(resources: Resources, role: str) -> Iterator[Statement]:
    properties = resources.written[role]["Properties"]
    if "PermissionsBoundary" in properties:
        raise TemplateUnsupported(role, "a permissions boundary")
    for policy in properties.get("Policies", []):
        yield from _document(resources, policy["PolicyDocument"])
    for attached in resources.taken(properties.get("ManagedPolicyArns", [])):
        match attached:
            case {"Ref": policy}:
                yield from _document(resources, resources.written[policy]["Properties"]["PolicyDocument"])
            case _:
                yield _aws_managed(str(resources.resolve(attached)), role)
    for logical_id, resource in resources.written.items():
        if resource["Type"] not in (POLICY, MANAGED_POLICY) or not resources.exists(logical_id):
            continue
        if {"Ref": role} in resources.taken(resource["Properties"].get("Roles", [])):
            yield from _document(resources, resource["Properties"]["PolicyDocument"])


def _document(resources: Resources, document: Mapping[str, Any]) -> Iterator[Statement]:
    statements = document["Statement"]
    yield from resources.taken([statements] if isinstance(statements, Mapping) else statements)


def _aws_managed(arn: str, role: str) -> Statement:
    name = arn.removeprefix(MANAGED_PREFIX)
    if name not in AWS_MANAGED:
        raise TemplateUnsupported(role, f"the policy {arn}")
    return {"Effect": "Allow", "Action": AWS_MANAGED[name], "Resource": "*"}


def _resolved(resources: Resources, role: str, statement: Statement) -> Statement:
    """What has no name on this machine is left out of Resource: nothing here can be asked of it."""
    rest = {name: value for name, value in statement.items() if name != "Resource"}
    written = statement.get("Resource", [])
    each = written if isinstance(written, list) else [written]
    named: list[str] = []
    for resource in each:
        try:
            found = resources.resolve(resource)
        except TemplateUnsupported:
            if statement["Effect"] == "Deny":
                raise
            continue
        named += [found] if isinstance(found, str) else found
    return {**resources.resolve(rest), "Resource": named}
