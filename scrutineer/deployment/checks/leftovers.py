"""What stays behind: scaling registered on things that are gone, and resources that bill after a delete."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scrutineer.deployment.account import Refused
from scrutineer.deployment.findings import Finding, fail, ok, warn
from scrutineer.deployment.stack import DELETED
from scrutineer.deployment.subject import Subject

SHOWN = 10
# By service and kind in an ARN: what it is, whether the template keeps it on purpose, and the command that ends it.
BILLS: Mapping[tuple[str, str], tuple[str, bool, str]] = {
    ("cloudfront", "distribution"): (
        "a CloudFront distribution",
        False,
        "aws cloudfront delete-distribution --id {name} --if-match …",
    ),
    ("dynamodb", "table"): ("a DynamoDB table", False, "aws dynamodb delete-table --table-name {name}"),
    ("ec2", "elastic-ip"): ("an Elastic IP", False, "aws ec2 release-address --allocation-id {name}"),
    ("ec2", "natgateway"): ("a NAT gateway", False, "aws ec2 delete-nat-gateway --nat-gateway-id {name}"),
    ("ec2", "vpc-endpoint"): ("an interface endpoint", False, "aws ec2 delete-vpc-endpoints --vpc-endpoint-ids {name}"),
    ("ecs", "service"): ("an ECS service", False, "aws ecs delete-service --force --service {arn}"),
    ("elasticloadbalancing", "loadbalancer"): (
        "a load balancer",
        False,
        "aws elbv2 delete-load-balancer --load-balancer-arn {arn}",
    ),
    ("kms", "key"): (
        "a KMS key",
        True,
        "aws kms schedule-key-deletion --key-id {name}   # and nothing that it closed can be read again",
    ),
    ("logs", "log-group"): ("a log group", False, "aws logs delete-log-group --log-group-name {name}"),
    ("rds", "db"): (
        "a database",
        False,
        "aws rds modify-db-instance --no-deletion-protection --db-instance-identifier {name} && "
        "aws rds delete-db-instance --db-instance-identifier {name} --final-db-snapshot-identifier {name}-last",
    ),
    ("rds", "db-proxy"): ("a database proxy", False, "aws rds delete-db-proxy --db-proxy-name …"),
    ("rds", "snapshot"): (
        "a snapshot of the database",
        True,
        "aws rds delete-db-snapshot --db-snapshot-identifier {name}",
    ),
    ("s3", ""): ("a bucket", True, "aws s3 rb --force s3://{name}   # photos and results go with it"),
    ("sagemaker", "endpoint"): ("a SageMaker endpoint", False, "aws sagemaker delete-endpoint --endpoint-name {name}"),
    ("secretsmanager", "secret"): ("a secret", True, "aws secretsmanager delete-secret --secret-id {arn}"),
    ("wafv2", "regional"): ("a web ACL", False, "aws wafv2 delete-web-acl …"),
    ("wafv2", "global"): ("a web ACL", False, "aws wafv2 delete-web-acl --scope CLOUDFRONT …"),
}
# By the folder of their log groups: how to list what writes there.
ENDPOINTS, COMPONENTS = "/aws/sagemaker/Endpoints/", "/aws/sagemaker/InferenceComponents/"
MODEL_LOGS = {
    ENDPOINTS: ("list_endpoints", "Endpoints", "EndpointName"),
    COMPONENTS: ("list_inference_components", "InferenceComponents", "InferenceComponentName"),
}


def scalable_targets(subject: Subject) -> Iterator[Finding]:
    """A target outlives what it scales: it fails the delete of an endpoint, and scales the next one of that name."""
    found = 0
    for namespace, exists in (("sagemaker", _sagemaker(subject)), ("lambda", _lambda(subject)), ("ecs", _ecs(subject))):
        for target in subject.account.all(
            "application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace=namespace
        ):
            if not exists(target["ResourceId"]):
                found += 1
                yield fail(
                    "scalable targets",
                    f"registered on {target['ResourceId']}, which is not there",
                    f"aws application-autoscaling deregister-scalable-target --service-namespace {namespace} "
                    f"--resource-id {target['ResourceId']} --scalable-dimension {target['ScalableDimension']}",
                )
    if not found:
        yield ok("scalable targets", "each has what it scales")


def billed(subject: Subject) -> Iterator[Finding]:
    """What carries the stack's tags and is in no stack any more."""
    tags = dict(subject.environment.tags) or {"aws:cloudformation:stack-name": subject.environment.stack}
    owned = _owned(subject)
    left = [
        each["ResourceARN"]
        for each in subject.account.all(
            "resourcegroupstaggingapi",
            "get_resources",
            "ResourceTagMappingList",
            TagFilters=[{"Key": key, "Values": [value]} for key, value in tags.items()],
        )
        if not _names(each["ResourceARN"]) & owned
    ]
    told = 0
    for arn in left:
        finding = _told(arn)
        if finding is not None and _lives(subject, arn):
            told += 1
            yield finding
    if not told:
        yield ok("leftovers", "nothing with the stack's tags is outside of it")


def endpoint_logs(subject: Subject) -> Iterator[Finding]:
    """SageMaker makes these log groups itself, so no delete takes them away and nothing in them ends."""
    orphans = []
    for folder, (listing, key, name) in MODEL_LOGS.items():
        there = {each[name] for each in subject.account.all("sagemaker", listing, key)}
        groups = subject.account.all("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=folder)
        names = [each["logGroupName"] for each in groups]
        orphans += [each for each in names if each.removeprefix(folder) not in there]
    for group in orphans[:SHOWN]:
        line = f"{group}: what wrote there is gone"
        yield warn("endpoint logs", line, f"aws logs delete-log-group --log-group-name {group}")
    if not orphans:
        yield ok("endpoint logs", "none without its endpoint")


def _sagemaker(subject: Subject) -> Callable[[str], bool]:
    """`endpoint/NAME/variant/VARIANT` or `inference-component/NAME`."""
    there: dict[str, set[str]] = {}

    def exists(resource_id: str) -> bool:
        kind, _, rest = resource_id.partition("/")
        if kind not in there:
            listing, key, name = MODEL_LOGS[ENDPOINTS if kind == "endpoint" else COMPONENTS]
            there[kind] = {each[name] for each in subject.account.all("sagemaker", listing, key)}
        return rest.partition("/")[0] in there[kind]

    return exists


def _lambda(subject: Subject) -> Callable[[str], bool]:
    """`function:NAME:ALIAS`."""

    def exists(resource_id: str) -> bool:
        _, name, alias = resource_id.split(":")
        try:
            subject.account.ask("lambda", "get_alias", FunctionName=name, Name=alias)
        except Refused as refused:
            if refused.code == "ResourceNotFoundException":
                return False
            raise
        return True

    return exists


def _ecs(subject: Subject) -> Callable[[str], bool]:
    """`service/CLUSTER/NAME`."""

    def exists(resource_id: str) -> bool:
        _, cluster, name = resource_id.split("/")
        try:
            services = subject.account.ask("ecs", "describe_services", cluster=cluster, services=[name])["services"]
        except Refused as refused:
            if refused.code == "ClusterNotFoundException":
                return False
            raise
        return any(service["status"] != "INACTIVE" for service in services)

    return exists


def _owned(subject: Subject) -> set[str]:
    """Physical ids in the stack and its nested ones."""
    if subject.stack is None:
        return set()
    return {each.physical_id for each in subject.stack.resources if each.physical_id and each.status != DELETED}


def _names(arn: str) -> set[str]:
    """Every way in which CloudFormation may name what an ARN means."""
    resource = arn.split(":", 5)[5]
    return {arn, resource, resource.partition("/")[2], resource.rpartition("/")[2], resource.partition(":")[2]}


def _told(arn: str) -> Finding | None:
    """None for what costs nothing."""
    _, _, service, _, _, resource = arn.split(":", 5)
    kind = "" if service == "s3" else resource.replace(":", "/").partition("/")[0]
    if (service, kind) not in BILLS:
        return None
    what, kept, command = BILLS[service, kind]
    separator = ":" if resource.startswith(f"{kind}:") else "/"
    name = resource.partition(separator)[2] if kind else resource
    line = f"{what} is in no stack any more: {name}"
    mend = command.format(name=name.removesuffix(":*"), arn=arn)
    if kept:
        return warn("leftovers", f"{line} (kept on purpose; it bills)", mend)
    return fail("leftovers", line, mend)


def _lives(subject: Subject, arn: str) -> bool:
    """The tagging service shows a NAT gateway for an hour after it is gone."""
    name = arn.rpartition("/")[2]
    if ":natgateway/" not in arn:
        return True
    found: Any = subject.account.ask("ec2", "describe_nat_gateways", NatGatewayIds=[name])
    return any(each["State"] not in ("deleted", "deleting") for each in found["NatGateways"])
