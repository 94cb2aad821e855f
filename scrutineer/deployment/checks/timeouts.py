"""The chain of time limits: whoever waits must wait longer than whoever is waited for, or work is done for nobody."""

import ast
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scrutineer import connection
from scrutineer.deployment.findings import Finding, fail, ok, warn
from scrutineer.deployment.resources import Expected, function_of
from scrutineer.deployment.subject import Subject
from scrutineer.local.template_api import INTEGRATION_TIMEOUT_S

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
SAGEMAKER_S = 60
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
VISIBILITY_TIMES = 6


@dataclass(frozen=True)
class Limits:
    """Seconds of one function: `lease_s` of what it takes into work, `reads_s` for which it waits for an endpoint."""

    timeout_s: float
    lease_s: float | None = None
    reads_s: float | None = None
    behind_gateway: bool = False


@dataclass(frozen=True)
class Chain:
    """`functions` and the queues that they poll, by path; a queue's value is its visibility timeout in seconds."""

    functions: Mapping[str, Limits]
    queues: Mapping[str, float]
    polls: tuple[tuple[str, str], ...]


def in_template(subject: Subject) -> Iterator[Finding]:
    """The chain as it would be deployed."""
    yield from judged("timeouts", asked_chain(subject), subject.environment.deploy)


def in_stack(subject: Subject) -> Iterator[Finding]:
    """The chain as it is deployed, and where it differs from what is asked for."""
    asked = asked_chain(subject)
    there = _deployed_chain(subject, asked)
    for path, limits in there.functions.items():
        if limits.timeout_s != asked.functions[path].timeout_s:
            wanted = asked.functions[path].timeout_s
            yield warn(
                "timeouts deployed",
                f"{path} has {limits.timeout_s:g} s, the template says {wanted:g} s",
                subject.environment.deploy,
            )
    yield from judged("timeouts deployed", there, subject.environment.deploy)


def judged(check: str, chain: Chain, mend: str) -> Iterator[Finding]:
    """What is wrong with the chain, or that nothing is."""
    wrong = list(_wrong(chain))
    for line in wrong:
        yield fail(check, line, mend)
    if not wrong:
        longest = max((limits.timeout_s for limits in chain.functions.values() if limits.behind_gateway), default=0)
        yield ok(
            check,
            f"client {connection.TIMEOUT_S} s > gateway {INTEGRATION_TIMEOUT_S:g} s ≥ function {longest:g} s; "
            f"{len(chain.polls)} queues hide for {VISIBILITY_TIMES} × their function and outlast its lease",
        )


def asked_chain(subject: Subject) -> Chain:
    """From the template, and from the code that it deploys."""
    resources = {resource.path: resource for resource in subject.expected}
    fronts = {
        function_of(resources, resource.properties.get("FunctionName"))
        for resource in resources.values()
        if resource.type == "AWS::Lambda::Permission"
        and resource.properties.get("Principal") == "apigateway.amazonaws.com"
    }
    long_s, prompt_s = _endpoint_read_timeouts(subject)
    functions = {}
    for path, resource in resources.items():
        if resource.type != "AWS::Lambda::Function":
            continue
        variables = (resource.properties.get("Environment") or {}).get("Variables") or {}
        asks = any(name.endswith("ENDPOINT") for name in variables)
        functions[path] = Limits(
            timeout_s=float(resource.properties.get("Timeout", 3)),
            lease_s=float(variables["LEASE_S"]) if "LEASE_S" in variables else None,
            reads_s=(prompt_s if path in fronts else long_s) if asks else None,
            behind_gateway=path in fronts,
        )
    return Chain(
        functions,
        {
            path: float(resource.properties.get("VisibilityTimeout", 30))
            for path, resource in resources.items()
            if resource.type == "AWS::SQS::Queue"
        },
        tuple(_polls(resources)),
    )


def _deployed_chain(subject: Subject, asked: Chain) -> Chain:
    assert subject.stack is not None
    functions, queues = {}, {}
    for path, limits in asked.functions.items():
        deployed = subject.stack.find(path)
        if deployed is not None:
            found = subject.account.ask("lambda", "get_function_configuration", FunctionName=deployed.physical_id)
            lease = ((found.get("Environment") or {}).get("Variables") or {}).get("LEASE_S")
            functions[path] = dataclasses.replace(
                limits, timeout_s=float(found["Timeout"]), lease_s=float(lease) if lease else None
            )
    for path in asked.queues:
        deployed = subject.stack.find(path)
        if deployed is not None:
            found = subject.account.ask(
                "sqs", "get_queue_attributes", QueueUrl=deployed.physical_id, AttributeNames=["VisibilityTimeout"]
            )
            queues[path] = float(found["Attributes"]["VisibilityTimeout"])
    return Chain(functions, queues, tuple(pair for pair in asked.polls if pair[0] in functions and pair[1] in queues))


def _wrong(chain: Chain) -> Iterator[str]:
    if connection.TIMEOUT_S <= INTEGRATION_TIMEOUT_S:
        yield f"the client gives up after {connection.TIMEOUT_S} s, before the gateway ({INTEGRATION_TIMEOUT_S:g} s)"
    for path, limits in chain.functions.items():
        if limits.behind_gateway and limits.timeout_s > INTEGRATION_TIMEOUT_S:
            yield f"{path} may take {limits.timeout_s:g} s, the gateway cuts it off at {INTEGRATION_TIMEOUT_S:g} s"
        if limits.reads_s is not None and limits.timeout_s <= limits.reads_s:
            yield f"{path} ends after {limits.timeout_s:g} s, before its call of the endpoint ({limits.reads_s:g} s)"
        if limits.reads_s is not None and not limits.behind_gateway and limits.reads_s <= SAGEMAKER_S:
            yield f"{path} stops reading after {limits.reads_s:g} s; SageMaker answers for up to {SAGEMAKER_S} s"
        if limits.lease_s is not None and limits.lease_s <= limits.timeout_s:
            yield f"{path} holds work for {limits.lease_s:g} s and may run for {limits.timeout_s:g} s"
    for path, queue in chain.polls:
        limits, visible_s = chain.functions[path], chain.queues[queue]
        if visible_s < VISIBILITY_TIMES * limits.timeout_s:
            yield f"{queue} hides for {visible_s:g} s, less than {VISIBILITY_TIMES} × {path}'s {limits.timeout_s:g} s"
        if limits.lease_s is not None and limits.lease_s >= visible_s:
            yield f"{path} holds work for {limits.lease_s:g} s, and {queue} shows it again after {visible_s:g} s"


def _polls(resources: Mapping[str, Expected]) -> Iterator[tuple[str, str]]:
    for resource in resources.values():
        if resource.type == "AWS::Lambda::EventSourceMapping":
            function = function_of(resources, resource.properties.get("FunctionName"))
            queue = str(resource.properties.get("EventSourceArn")).removesuffix(".Arn")
            if function in resources and queue in resources:
                yield function, queue


def _endpoint_read_timeouts(subject: Subject) -> tuple[float, float]:
    """Seconds that the functions wait for an endpoint, queued and asked at once: constants of their code."""
    tree = ast.parse((subject.root / "functions" / "core" / "endpoint.py").read_text(encoding="utf-8"))
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return float(str(constants["READ_TIMEOUT_S"])), float(str(constants["PROMPT_READ_TIMEOUT_S"]))
