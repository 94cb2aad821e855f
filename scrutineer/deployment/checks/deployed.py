"""The stack as it stands: its state, and whether what is deployed is what is asked for."""

from collections.abc import Iterator
from typing import Any

from scrutineer.deployment.account import Refused
from scrutineer.deployment.findings import Finding, fail, ok, warn
from scrutineer.deployment.stack import NESTED, Stack
from scrutineer.deployment.subject import Subject

SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
FAILED_RESOURCE = ("CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED")


def state(subject: Subject) -> Iterator[Finding]:
    """A half-failed deploy, by the way back that its state leaves."""
    stack, name = subject.stack, subject.environment.stack
    if stack is None:
        yield ok("stack", f"there is no stack {name} yet: the deploy makes it")
        return
    line = f"{name} is {stack.status}" + (f": {stack.reason}" if stack.reason else "")
    wait, failed = f"aws cloudformation wait stack-{{}}-complete --stack-name {name}", _failed(stack)
    match stack.status:
        case "ROLLBACK_COMPLETE" | "CREATE_FAILED" | "ROLLBACK_FAILED":
            yield fail(
                "stack", f"{line}; it can only be deleted{failed}", f"sam delete --stack-name {name} --no-prompts"
            )
        case "DELETE_FAILED":
            yield fail(
                "stack",
                f"{line}{failed}",
                f"scrutineer doctor --after --stack {name}   # deregister what it lists, then sam delete again",
            )
        case "UPDATE_ROLLBACK_FAILED":
            yield fail("stack", f"{line}{failed}", f"aws cloudformation continue-update-rollback --stack-name {name}")
        case "REVIEW_IN_PROGRESS":
            yield warn("stack", f"{line}: a change set was made and not executed", subject.environment.deploy)
        case "UPDATE_ROLLBACK_COMPLETE":
            yield warn("stack", f"{line}: the last update failed and was taken back", subject.environment.deploy)
        case status if status.endswith("_IN_PROGRESS"):
            kind = "create" if "CREATE" in status else "delete" if "DELETE" in status else "update"
            yield fail("stack", f"{line}: somebody works on it", wait.format(kind))
        case _:
            yield ok("stack", line)


def settled(subject: Subject) -> Iterator[Finding]:
    """After a deploy: every nested stack came to its end, and every resource is there."""
    assert subject.stack is not None
    stack = subject.stack
    missing = [each for each in subject.expected if stack.find(each.path) is None]
    failed = [each for each in stack.resources if each.status in FAILED_RESOURCE]
    if stack.status not in SETTLED or failed:
        yield fail("deployed", f"{stack.name} is {stack.status}{_failed(stack)}", _events(stack))
    if missing:
        first = ", ".join(each.path for each in missing[:3])
        yield warn("deployed", f"{len(missing)} resources are not in the stack: {first}, …", subject.environment.deploy)
    if stack.status in SETTLED and not failed and not missing:
        nested = len(stack.of_type(NESTED))
        yield ok("deployed", f"all {len(subject.expected)} resources in the stack and {nested} nested ones")


def parameters(subject: Subject) -> Iterator[Finding]:
    """Deployed beside asked for. CloudFormation shows what is NoEcho as asterisks, and so it can't be compared."""
    assert subject.stack is not None
    declared, there = subject.template["Parameters"], subject.stack.parameters
    differing = [
        f"{name} is {there[name]!r}, asked for is {value!r}"
        for name, value in subject.parameters.items()
        if name in there and there[name] != value and not declared[name].get("NoEcho")
    ]
    for line in differing:
        yield warn("parameters deployed", line, subject.environment.deploy)
    if not differing:
        yield ok("parameters deployed", "as asked for")


def model(subject: Subject) -> Iterator[Finding]:
    """Image by digest, the model's files and the digest of its weights are those that were asked for."""
    assert subject.stack is not None
    asked_image, asked_artifact = subject.wants("ModelImage"), subject.wants("ModelArtifact")
    for deployed in subject.stack.of_type("AWS::SageMaker::Model"):
        name = deployed.physical_id.rpartition("/")[2]
        found = subject.account.ask("sagemaker", "describe_model", ModelName=name)
        container = found.get("PrimaryContainer") or (found.get("Containers") or [{}])[0]
        files = container.get("ModelDataUrl") or _data_source(container)
        digest = (container.get("Environment") or {}).get("MODEL_DIGEST")
        compared = (
            ("image", container.get("Image"), asked_image),
            ("artifact", files, asked_artifact),
            ("weights' digest", digest, subject.wants("ModelDigest")),
        )
        for what, there, asked in compared:
            if asked and there != asked:
                yield fail("model", f"the {what} deployed is {there}, asked for is {asked}", subject.environment.deploy)
        if all(there == asked or not asked for _, there, asked in compared):
            yield ok("model", f"{name} has the image and the files that are asked for")


def endpoint(subject: Subject) -> Iterator[Finding]:
    assert subject.stack is not None
    for deployed in subject.stack.of_type("AWS::SageMaker::Endpoint"):
        name = deployed.physical_id.rpartition("/")[2]
        try:
            found = subject.account.ask("sagemaker", "describe_endpoint", EndpointName=name)
        except Refused as refused:
            if "Could not find" not in str(refused):
                raise
            yield fail("endpoint", f"{name} is gone", subject.environment.deploy)
            continue
        status, reason = found["EndpointStatus"], found.get("FailureReason")
        if status != "InService":
            yield fail(
                "endpoint",
                f"{name} is {status}" + (f": {reason}" if reason else ""),
                f"aws logs tail /aws/sagemaker/Endpoints/{name} --since 1h",
            )
            continue
        yield ok("endpoint", f"{name} is InService")
        yield from _resolved(subject, name, found)


def gateway_account(subject: Subject) -> Iterator[Finding]:
    """API Gateway's role for logs is one an account and region: one stack has it, the others must not."""
    manages = subject.wants("ManageApiGatewayAccount") == "true"
    role = subject.account.ask("apigateway", "get_account").get("cloudwatchRoleArn")
    if not manages and not role:
        yield fail("gateway logs", "no stack has given API Gateway its role for logs", "ManageApiGatewayAccount=true")
    elif manages and role and (subject.stack is None or subject.stack.find("ApiAccount") is None):
        yield warn(
            "gateway logs",
            f"API Gateway has a role for logs already, {role.rpartition('/')[2]}; this stack would replace it",
            "ManageApiGatewayAccount=false   # in samconfig.toml",
        )
    else:
        yield ok(
            "gateway logs",
            "API Gateway has a role for logs" if role else "this stack gives API Gateway its role for logs",
        )


def _resolved(subject: Subject, name: str, found: Any) -> Iterator[Finding]:
    """SageMaker says which digest each variant runs; one that still runs another is being replaced, or is stuck."""
    digest = subject.wants("ModelImage").rpartition("@")[2]
    for variant in found.get("ProductionVariants", []):
        for image in variant.get("DeployedImages", []):
            resolved = str(image.get("ResolvedImage") or image.get("SpecifiedImage") or "")
            if digest and resolved and not resolved.endswith(digest):
                yield fail(
                    "endpoint",
                    f"{name} runs {resolved.rpartition('@')[2][:19]}…, asked for is {digest[:19]}…",
                    subject.environment.deploy,
                )


def _data_source(container: Any) -> str | None:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    uri = source.get("S3Uri")
    return None if uri is None else str(uri)


def _failed(stack: Stack) -> str:
    names = [each.path for each in stack.resources if each.status in FAILED_RESOURCE]
    return f" ({', '.join(names[:5])} failed)" if names else ""


def _events(stack: Stack) -> str:
    return (
        f"aws cloudformation describe-stack-events --stack-name {stack.name} "
        "--query \"StackEvents[?contains(ResourceStatus,'FAILED')].[LogicalResourceId,ResourceStatusReason]\""
    )
