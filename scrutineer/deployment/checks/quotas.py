"""Service quotas beside what the stack will take of them."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from scrutineer.deployment.account import CouldNotLook, Refused
from scrutineer.deployment.findings import Finding, fail, ok, skipped, warn
from scrutineer.deployment.instances import endpoint_instances
from scrutineer.deployment.resources import function_of, of_type
from scrutineer.deployment.stack import DELETED
from scrutineer.deployment.subject import Subject

ENDPOINTS_LOOKED_AT = 100
# Lambda refuses a reservation that leaves fewer: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
UNRESERVED = 100
CONCURRENCY = "L-B99A9384"


@dataclass(frozen=True)
class Quota:
    """`used` counts what the account has; None where the quota is of something that the stack makes for itself."""

    service: str
    code: str
    what: str
    resource_type: str
    used: Callable[[Subject], int] | None


# Codes: https://docs.aws.amazon.com/general/latest/gr/vpc-service.html, …/ec2-service.html, …/rds-service.html
QUOTAS = (
    Quota(
        "vpc", "L-F678F1CE", "VPCs", "AWS::EC2::VPC", lambda subject: _count(subject, "ec2", "describe_vpcs", "Vpcs")
    ),
    Quota("ec2", "L-0263D0A3", "Elastic IPs", "AWS::EC2::EIP", lambda subject: _addresses(subject)),
    Quota("vpc", "L-FE5A380F", "NAT gateways in a zone", "AWS::EC2::NatGateway", lambda subject: _nats(subject)),
    Quota("vpc", "L-29B6F2EB", "interface endpoints in a VPC", "AWS::EC2::VPCEndpoint", None),
    Quota(
        "rds",
        "L-7B6409FD",
        "databases",
        "AWS::RDS::DBInstance",
        lambda subject: _count(subject, "rds", "describe_db_instances", "DBInstances"),
    ),
    Quota(
        "rds",
        "L-D94C7EA3",
        "database proxies",
        "AWS::RDS::DBProxy",
        lambda subject: _count(subject, "rds", "describe_db_proxies", "DBProxies"),
    ),
)


def network_and_database(subject: Subject) -> Iterator[Finding]:
    """One quota after the other: a permission that is missing for one says nothing of the next."""
    for quota in QUOTAS:
        needed = _needed(subject, quota)
        if not needed:
            continue
        try:
            limit = _limit(subject, quota.service, quota.code)
            used = quota.used(subject) if quota.used else 0
        except CouldNotLook as error:
            yield skipped("quotas", f"{quota.what}: could not look: {error}")
            continue
        line = f"{quota.what}: {used} of {limit:g} used, {needed} more needed"
        if used + needed > limit:
            yield fail("quotas", line, _request(quota.service, quota.code, used + needed))
        else:
            yield ok("quotas", line)


def gpu_instances(subject: Subject) -> Iterator[Finding]:
    """SageMaker has a quota an instance type, 0 for GPUs in a new account, and granting more takes a day."""
    for instance_type, (at_first, at_most) in wanted_instances(subject).items():
        name = f"{instance_type} for endpoint usage"
        quota = _sagemaker_quota(subject, name)
        if quota is None:
            yield fail(
                "gpu quota",
                f"SageMaker knows no quota {name!r} here: the region may not have the type",
                "aws service-quotas list-service-quotas --service-code sagemaker   # for the types that it has",
            )
            continue
        used = _used_elsewhere(subject, instance_type)
        limit, mend = quota["Value"], _request("sagemaker", quota["QuotaCode"], used + at_most)
        line = f"{name}: {used} of {limit:g} used, {at_first} needed at first, {at_most} at most"
        if used + at_first > limit:
            yield fail("gpu quota", line, mend)
        elif used + at_most > limit:
            yield warn("gpu quota", line, mend)
        else:
            yield ok("gpu quota", line)


def lambda_concurrency(subject: Subject) -> Iterator[Finding]:
    """What the functions reserve, and what the queues may start at once, beside the account's limit."""
    limits = subject.account.ask("lambda", "get_account_settings")["AccountLimit"]
    total, unreserved = limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]
    functions = of_type(subject.expected, "AWS::Lambda::Function")
    reserved = sum(int(each.properties.get("ReservedConcurrentExecutions") or 0) for each in functions)
    new = reserved - _reserved_by_stack(subject)
    started = sum(
        int((each.properties.get("ScalingConfig") or {}).get("MaximumConcurrency") or 0)
        for each in of_type(subject.expected, "AWS::Lambda::EventSourceMapping")
    )
    mend = _request("lambda", CONCURRENCY, max(1000, total + new))
    line = f"{total} at once, {unreserved} unreserved; the functions reserve {reserved}, the queues start {started}"
    if new > 0 and unreserved - new < UNRESERVED:
        yield fail("lambda concurrency", f"{line}: Lambda keeps {UNRESERVED} unreserved", mend)
    elif started > total:
        yield fail("lambda concurrency", line, mend)
    elif started > unreserved + _reserved_by_stack(subject):
        yield warn("lambda concurrency", line, mend)
    else:
        yield ok("lambda concurrency", line)


def reserved_for_queues(subject: Subject) -> Iterator[Finding]:
    """Offline: a function that reserves less than its queues may start is throttled, and messages age for nothing."""
    resources = {resource.path: resource for resource in subject.expected}
    started: Counter[str] = Counter()
    for mapping in of_type(subject.expected, "AWS::Lambda::EventSourceMapping"):
        most = (mapping.properties.get("ScalingConfig") or {}).get("MaximumConcurrency")
        started[function_of(resources, mapping.properties.get("FunctionName"))] += int(most or 0)
    wrong = False
    for function in of_type(subject.expected, "AWS::Lambda::Function"):
        reserved = function.properties.get("ReservedConcurrentExecutions")
        if reserved is not None and int(reserved) < started[function.path]:
            wrong = True
            yield fail(
                "reserved concurrency",
                f"{function.path} reserves {reserved}, and its queues may start {started[function.path]}",
                subject.environment.deploy,
            )
    if not wrong:
        yield ok("reserved concurrency", "no function reserves less than its queues may start")


def wanted_instances(subject: Subject) -> dict[str, tuple[int, int]]:
    """Instances of each type that SageMaker may run for the stack: to begin with, and at most.

    Each type of a list must be able to carry all of them alone. Even what sleeps is made with one.
    """
    wanted: dict[str, tuple[int, int]] = {}
    for instances in endpoint_instances(subject.expected):
        for instance_type in instances.types:
            first, most = wanted.get(instance_type, (0, 0))
            wanted[instance_type] = (first + max(1, instances.open), most + instances.updating)
    return wanted


def _needed(subject: Subject, quota: Quota) -> int:
    """How many more than the stack has already."""
    wanted = [
        resource
        for resource in of_type(subject.expected, quota.resource_type)
        if resource.properties.get("VpcEndpointType", "Interface") == "Interface"
    ]
    if quota.used is None:
        return len(wanted)
    stack = subject.stack
    there = [each for each in stack.of_type(quota.resource_type) if each.status != DELETED] if stack else []
    return max(0, len(wanted) - len(there))


def _limit(subject: Subject, service: str, code: str) -> float:
    """The account's own quota, or AWS's default where it never had one of its own."""
    try:
        found = subject.account.ask("service-quotas", "get_service_quota", ServiceCode=service, QuotaCode=code)
    except Refused as refused:
        if refused.code != "NoSuchResourceException":
            raise
        found = subject.account.ask(
            "service-quotas", "get_aws_default_service_quota", ServiceCode=service, QuotaCode=code
        )
    return float(found["Quota"]["Value"])


def _sagemaker_quota(subject: Subject, name: str) -> dict[str, Any] | None:
    """By its name: there is no list of their codes."""
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        for quota in subject.account.all("service-quotas", operation, "Quotas", ServiceCode="sagemaker"):
            if quota["QuotaName"] == name:
                return dict(quota)
    return None


def _used_elsewhere(subject: Subject, instance_type: str) -> int:
    """Instances of this type in endpoints that are not this stack's."""
    own = (
        {each.physical_id.rpartition("/")[2] for each in subject.stack.of_type("AWS::SageMaker::Endpoint")}
        if subject.stack
        else set()
    )
    used = 0
    endpoints = subject.account.all("sagemaker", "list_endpoints", "Endpoints")
    for _, endpoint in zip(range(ENDPOINTS_LOOKED_AT), endpoints, strict=False):
        if endpoint["EndpointName"] in own:
            continue
        found = subject.account.ask("sagemaker", "describe_endpoint", EndpointName=endpoint["EndpointName"])
        configuration = subject.account.ask(
            "sagemaker", "describe_endpoint_config", EndpointConfigName=found["EndpointConfigName"]
        )
        types = {each["VariantName"]: each.get("InstanceType") for each in configuration["ProductionVariants"]}
        used += sum(
            int(variant.get("CurrentInstanceCount", 0))
            for variant in found.get("ProductionVariants", [])
            if types.get(variant["VariantName"]) == instance_type
        )
    return used


def _reserved_by_stack(subject: Subject) -> int:
    if subject.stack is None:
        return 0
    return sum(
        int(
            subject.account.ask("lambda", "get_function_concurrency", FunctionName=each.physical_id).get(
                "ReservedConcurrentExecutions", 0
            )
        )
        for each in subject.stack.of_type("AWS::Lambda::Function")
        if each.physical_id and each.status != DELETED
    )


def _count(subject: Subject, service: str, operation: str, key: str) -> int:
    return sum(1 for _ in subject.account.all(service, operation, key))


def _addresses(subject: Subject) -> int:
    return len(subject.account.ask("ec2", "describe_addresses")["Addresses"])


def _nats(subject: Subject) -> int:
    """In the zone that has most of them, since it is not known which zone the new one will be in."""
    zones = {
        each["SubnetId"]: each["AvailabilityZone"] for each in subject.account.all("ec2", "describe_subnets", "Subnets")
    }
    living = Counter(
        zones.get(each["SubnetId"])
        for each in subject.account.all("ec2", "describe_nat_gateways", "NatGateways")
        if each["State"] in ("available", "pending")
    )
    return max(living.values(), default=0)


def _request(service: str, code: str, value: float) -> str:
    return (
        f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} "
        f"--desired-value {value:g}"
    )
