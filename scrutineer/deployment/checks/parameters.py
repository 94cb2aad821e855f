"""What is asked for, judged without an account: parameters, region by region, and the template that they make."""

import ipaddress
import re
import zoneinfo
from collections.abc import Iterator

from scrutineer.deployment.account import CouldNotLook
from scrutineer.deployment.findings import Finding, fail, ok, warn
from scrutineer.deployment.parameters import complaints
from scrutineer.deployment.subject import Subject

ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:([a-z0-9-]*):(\d{12}|aws)?:\S+")
IMAGE = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^@\s]+)@(sha256:[0-9a-f]{64})")


def parameters(subject: Subject) -> Iterator[Finding]:
    """As CloudFormation would refuse them after an upload and a minute's wait, told at once."""
    found = list(complaints(subject.template, subject.environment.parameters))
    for complaint in found:
        name = f"{complaint.name}: " if complaint.name else ""
        told = fail if complaint.sure else warn
        yield told("parameters", f"{name}{complaint.text}", _ask_again(subject))
    if not found:
        given, all_of_them = len(subject.environment.parameters), len(subject.template["Parameters"])
        yield ok("parameters", f"{given} given, {all_of_them - given} by default: all as the template takes them")


def values(subject: Subject) -> Iterator[Finding]:
    """What a pattern can't tell: a time zone that exists, a network range that is one, ARNs that are whole."""
    zone = subject.wants("ServiceTimezone")
    if zone and zone not in zoneinfo.available_timezones():
        yield fail("values", f"ServiceTimezone: there is no time zone {zone!r}", _ask_again(subject))
    cidr = subject.wants("VpcCidr")
    if cidr and not _is_private_network(cidr):
        yield fail("values", f"VpcCidr: {cidr} is no private network, such as 10.40.0.0/20", _ask_again(subject))
    for name, value in subject.parameters.items():
        if value.startswith("arn:") and not ARN.fullmatch(value):
            yield fail("values", f"{name} is not a whole ARN", _ask_again(subject))


def one_region(subject: Subject) -> Iterator[Finding]:
    """SageMaker takes images and files of its own region only."""
    try:
        region = subject.region
    except CouldNotLook:
        region = None
    image = IMAGE.fullmatch(subject.wants("ModelImage"))
    if region and image and image[2] != region:
        yield fail(
            "region",
            f"ModelImage is in {image[2]}, the stack in {region}",
            f"docker tag … {image[1]}.dkr.ecr.{region}.amazonaws.com/{image[3]} && docker push …",
        )
    elif region:
        yield ok("region", f"the stack {subject.environment.stack} belongs to {region}")
    else:
        yield warn("region", "no region is set", f"sam deploy --guided --config-env {subject.environment.name}")


def template(subject: Subject) -> Iterator[Finding]:
    """Whether template and nested stacks come to resources at all, and whether what was built is of today."""
    resources = subject.expected
    stacks = {resource.path.rpartition("/")[0] for resource in resources}
    yield ok("template", f"makes {len(resources)} resources in {len(stacks)} stacks")
    built = subject.built
    if not built.is_file():
        yield warn("template", "it is not built yet", "sam build")
        return
    sources = [subject.root / "template.yaml", *(subject.root / "infrastructure").glob("*.yaml")]
    sources += (subject.root / "functions").rglob("*.py")
    newer = [source for source in sources if source.stat().st_mtime > built.stat().st_mtime]
    if newer:
        yield warn("template", f"{newer[0].relative_to(subject.root)} is newer than what was built", "sam build")


def _is_private_network(text: str) -> bool:
    try:
        return ipaddress.IPv4Network(text).is_private
    except ValueError:
        return False


def _ask_again(subject: Subject) -> str:
    return f"sam deploy --guided --config-env {subject.environment.name}   # or edit samconfig.toml"
