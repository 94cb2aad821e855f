"""Whether the region has what the stack is made of: instance types, database classes, endpoints of services."""

import re
from collections.abc import Iterator

from scrutineer.deployment.account import CouldNotLook
from scrutineer.deployment.checks.quotas import wanted_instances
from scrutineer.deployment.findings import Finding, fail, ok, skipped, warn
from scrutineer.deployment.resources import of_type
from scrutineer.deployment.subject import Subject

PRICING_REGION = "us-east-1"  # one of the three that answer for all
ZONES = 2


def instance_types(subject: Subject) -> Iterator[Finding]:
    """SageMaker has no list of what it offers where; its types are EC2's, and its prices are listed."""
    for instance_type in wanted_instances(subject):
        machine = instance_type.removeprefix("ml.")
        try:
            offered = [
                each["Location"]
                for each in subject.account.all(
                    "ec2",
                    "describe_instance_type_offerings",
                    "InstanceTypeOfferings",
                    LocationType="availability-zone",
                    Filters=[{"Name": "instance-type", "Values": [machine]}],
                )
            ]
        except CouldNotLook as error:
            yield _by_price(subject, instance_type, error)
            continue
        if offered:
            yield ok("instance type", f"{machine} is offered in {', '.join(sorted(offered))}")
        else:
            yield fail(
                "instance type",
                f"{subject.region} has no {machine}: choose another EndpointInstanceType, or another region",
                f"aws ec2 describe-instance-type-offerings --region … --filters Name=instance-type,Values={machine}",
            )


def database_class(subject: Subject) -> Iterator[Finding]:
    for database in of_type(subject.expected, "AWS::RDS::DBInstance"):
        wanted = {name: str(database.properties.get(name)) for name in ("Engine", "EngineVersion", "DBInstanceClass")}
        offered = [
            each
            for each in subject.account.all(
                "rds",
                "describe_orderable_db_instance_options",
                "OrderableDBInstanceOptions",
                Engine=wanted["Engine"],
                DBInstanceClass=wanted["DBInstanceClass"],
            )
            if f"{each['EngineVersion']}.".startswith(f"{wanted['EngineVersion']}.")
        ]
        words = f"{wanted['DBInstanceClass']} with {wanted['Engine']} {wanted['EngineVersion']}"
        if not offered:
            yield fail(
                "database class",
                f"{subject.region} has no {words}",
                f"aws rds describe-orderable-db-instance-options --engine {wanted['Engine']} "
                "--query 'OrderableDBInstanceOptions[].[DBInstanceClass,EngineVersion]' --output text",
            )
        elif str(database.properties.get("MultiAZ")) == "true" and not any(
            each.get("MultiAZCapable") for each in offered
        ):
            yield fail("database class", f"{words} can't have a standby", "DatabaseMultiAz=false")
        else:
            yield ok("database class", f"{words} is offered")


def service_endpoints(subject: Subject) -> Iterator[Finding]:
    """Interface endpoints that the region lacks fail the deploy half an hour in."""
    region = subject.region
    names = {
        re.sub(r"^com\.amazonaws\.[a-z0-9-]+\.", f"com.amazonaws.{region}.", str(each.properties["ServiceName"]))
        for each in of_type(subject.expected, "AWS::EC2::VPCEndpoint")
    }
    found = {
        name
        for page in [
            subject.account.ask(
                "ec2",
                "describe_vpc_endpoint_services",
                Filters=[{"Name": "service-name", "Values": sorted(names)}],
            )
        ]
        for name in page["ServiceNames"]
    }
    missing = sorted(names - found)
    if missing:
        yield fail(
            "service endpoints",
            f"{region} has no endpoint of {', '.join(missing)}",
            "aws ec2 describe-vpc-endpoint-services --query ServiceNames   # EgressPath=true is the way around",
        )
    else:
        yield ok("service endpoints", f"the region has all {len(names)}")


def zones(subject: Subject) -> Iterator[Finding]:
    found = subject.account.ask(
        "ec2", "describe_availability_zones", Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}]
    )["AvailabilityZones"]
    available = [each["ZoneName"] for each in found if each["State"] == "available"]
    if len(available) < ZONES:
        yield fail("zones", f"{subject.region} gives this account {len(available)} zones, and {ZONES} are needed")
    else:
        yield ok("zones", f"{len(available)} available")


def _by_price(subject: Subject, instance_type: str, why: CouldNotLook) -> Finding:
    """What has a price for hosting in a region is offered there. Where nothing is listed, nothing is told."""
    try:
        listed = subject.account.ask(
            "pricing",
            "get_products",
            region=PRICING_REGION,
            ServiceCode="AmazonSageMaker",
            Filters=[
                {"Type": "TERM_MATCH", "Field": "regionCode", "Value": str(subject.region)},
                {"Type": "TERM_MATCH", "Field": "instanceName", "Value": instance_type},
            ],
            MaxResults=1,
        )["PriceList"]
    except CouldNotLook as error:
        return skipped("instance type", f"{instance_type}: could not look: {why}, or {error}")
    if listed:
        return ok("instance type", f"{instance_type} has a price in {subject.region}")
    return warn("instance type", f"{instance_type}: no price is listed in {subject.region}, and EC2 could not be asked")
