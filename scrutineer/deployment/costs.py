"""What a deployment costs an hour whether or not it is used, and what 1,000 inspections cost besides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scrutineer.deployment.instances import endpoint_instances
from scrutineer.deployment.prices import Price, price
from scrutineer.deployment.resources import Expected, of_type

INTERFACE, VCPU_UNITS, GB_UNITS = "Interface", 1024, 1024
STANDBY = 2  # instance and storage are there twice


@dataclass(frozen=True)
class Cost:
    """`count` of `item` while the service is open, `closed` while it is not, `most` when all that scales is at its
    largest."""

    what: str
    item: str
    count: float
    most: float
    closed: float
    price: Price | None

    @property
    def hourly_usd(self) -> float | None:
        return None if self.price is None else self.count * self.price.hourly_usd

    @property
    def closed_hourly_usd(self) -> float | None:
        return None if self.price is None else self.closed * self.price.hourly_usd

    @property
    def most_hourly_usd(self) -> float | None:
        return None if self.price is None else self.most * self.price.hourly_usd


@dataclass(frozen=True)
class Use:
    """What 1,000 inspections take of something that is paid by use."""

    what: str
    item: str
    amount: float
    price: Price | None

    @property
    def usd(self) -> float | None:
        if self.price is None:
            return None
        return self.amount * self.price.usd / (1_000_000 if self.price.per == "million" else 1)


def standing_costs(resources: list[Expected], region: str | None) -> list[Cost]:
    """One line for each kind of thing that bills by its existence; things of one kind are counted together."""
    found: dict[str, Cost] = {}
    for instances in endpoint_instances(resources):
        first = instances.types[0]
        others = f" (or {', '.join(instances.types[1:])})" if instances.types[1:] else ""
        item = f"endpoint:{first}"
        found[item] = Cost(
            f"endpoint {first}{others}", item, instances.open, instances.most, instances.closed, price(item, region)
        )
    for what, item, count, most in _items(resources):
        before = found.get(item, Cost(what, item, 0, 0, 0, None))
        always = count + before.closed
        found[item] = Cost(what, item, count + before.count, most + before.most, always, price(item, region))
    return list(found.values())


def inspection_costs(resources: list[Expected], region: str | None, *, endpoint_s: float) -> list[Use]:
    """Of 1,000 interactive inspections whose clients wait for the verdict.

    Assumed: one request each; the authorizer 0.05 s, precheck 0.5 s, format 0.2 s; the front and the invoke function as
    long as the endpoint (`endpoint_s`) and 0.7 s and 0.2 s more; three requests to a queue for each of three stages.
    Photos' storage and requests to S3, log lines, traces and transfer are not in it.
    """
    seconds = {
        "authorizer": 0.05,
        "inspections": endpoint_s + 0.7,
        "precheck": 0.5,
        "invoke": endpoint_s + 0.2,
        "format": 0.2,
    }
    memory_gb = {
        str(each.properties.get("Handler")).partition(".")[0]: int(each.properties.get("MemorySize", 128)) / 1024
        for each in of_type(resources, "AWS::Lambda::Function")
    }
    gb_s = sum(1000 * duration * memory_gb.get(stage, 0.0) for stage, duration in seconds.items())
    uses = [
        ("requests of the gateway", "gateway-request", 1000.0),
        ("calls of functions", "lambda-request", 1000.0 * len(seconds)),
        ("GB-seconds of functions", "lambda-gb-second", gb_s),
        ("requests of queues", "queue-request", 1000.0 * 3 * 3),
    ]
    if of_type(resources, "AWS::WAFv2::WebACL"):
        uses.append(("requests looked at by WAF", "waf-request", 1000.0))
    if of_type(resources, "AWS::CloudFront::Distribution"):
        uses.append(("requests of CloudFront", "cloudfront-request", 1000.0))
    return [Use(what, item, amount, price(item, region)) for what, item, amount in uses]


def total(values: Sequence[float | None]) -> float:
    """Of what is known."""
    return sum(value for value in values if value is not None)


def _items(resources: list[Expected]) -> Iterator[tuple[str, str, float, float]]:
    tasks = {each.path: each.properties for each in of_type(resources, "AWS::ECS::TaskDefinition")}
    for each in resources:
        properties = each.properties
        match each.type:
            case "AWS::EC2::NatGateway":
                yield "NAT gateway", "nat-gateway", 1, 1
            case "AWS::EC2::EIP":
                yield "public address", "public-ipv4", 1, 1
            case "AWS::EC2::VPCEndpoint" if properties.get("VpcEndpointType") == INTERFACE:
                zones = len(properties.get("SubnetIds") or [])
                yield "interface endpoints × zones", "interface-endpoint-zone", zones, zones
            case "AWS::RDS::DBInstance":
                times = STANDBY if str(properties.get("MultiAZ")).lower() == "true" else 1
                kind = f"database:{properties['DBInstanceClass']}"
                yield f"database {properties['DBInstanceClass']}", kind, times, times
                storage = times * float(properties["AllocatedStorage"])
                yield "GB of the database", "database-storage-gb", storage, storage
            case "AWS::RDS::DBProxy":
                yield "database proxy (by the vCPUs of the database)", "database-proxy", 1, 1
            case "AWS::ECS::Service":
                task = tasks.get(str(properties.get("TaskDefinition")), {})
                first = float(properties.get("DesiredCount") or 1)
                most = max(first, _largest_service(resources))
                vcpu, gb = float(task.get("Cpu") or 0) / VCPU_UNITS, float(task.get("Memory") or 0) / GB_UNITS
                yield "vCPUs on Fargate", "fargate-vcpu", first * vcpu, most * vcpu
                yield "GB on Fargate", "fargate-gb", first * gb, most * gb
            case "AWS::ElasticLoadBalancingV2::LoadBalancer":
                yield "load balancer", "load-balancer", 1, 1
            case "AWS::Lambda::Alias" if properties.get("ProvisionedConcurrencyConfig"):
                count = float(properties["ProvisionedConcurrencyConfig"]["ProvisionedConcurrentExecutions"])
                yield "provisioned executions", "lambda-provisioned", count, count
            case "AWS::KMS::Key":
                yield "KMS key", "kms-key", 1, 1
            case "AWS::SecretsManager::Secret":
                yield "secret", "secret", 1, 1
            case "AWS::WAFv2::WebACL":
                yield "web ACL", "waf-acl", 1, 1
                rules = len(properties.get("Rules") or [])
                yield "rules of the web ACL", "waf-rule", rules, rules
            case "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm":
                yield "alarm", "alarm", 1, 1
            case "AWS::CloudWatch::Dashboard":
                yield "dashboard", "dashboard", 1, 1


def _largest_service(resources: list[Expected]) -> float:
    """The most tasks that autoscaling may make of a service."""
    return max(
        (
            float(target.properties.get("MaxCapacity") or 0)
            for target in of_type(resources, "AWS::ApplicationAutoScaling::ScalableTarget")
            if target.properties.get("ScalableDimension") == "ecs:service:DesiredCount"
        ),
        default=0,
    )
