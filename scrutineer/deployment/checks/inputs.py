"""What a deploy takes from elsewhere: the container's image, the model's files, buckets of photos, a certificate."""

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scrutineer.deployment.account import CouldNotLook, Refused
from scrutineer.deployment.checks.parameters import IMAGE
from scrutineer.deployment.findings import Finding, fail, ok, skipped, warn
from scrutineer.deployment.subject import Subject

ABSENT = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})
EDGE_REGION = "us-east-1"  # CloudFront takes certificates of no other
SOON = timedelta(days=30)


def image(subject: Subject) -> Iterator[Finding]:
    parts = IMAGE.fullmatch(subject.wants("ModelImage"))
    if parts is None:
        return
    registry, region, repository, digest = parts.groups()
    try:
        found = subject.account.ask(
            "ecr",
            "describe_images",
            region=region,
            registryId=registry,
            repositoryName=repository,
            imageIds=[{"imageDigest": digest}],
        )["imageDetails"][0]
    except Refused as refused:
        if refused.code not in ("ImageNotFoundException", "RepositoryNotFoundException"):
            raise
        what = "no such image" if refused.code.startswith("Image") else "no such repository"
        yield fail(
            "image",
            f"{what} in ECR: {repository}@{digest[:19]}…",
            f"aws ecr describe-images --region {region} --repository-name {repository} "
            "--query 'imageDetails[].[imageTags,imageDigest]'",
        )
        return
    size = f", {found['imageSizeInBytes'] / 1e9:.1f} GB" if "imageSizeInBytes" in found else ""
    yield ok("image", f"{repository}@{digest[:19]}… is in ECR{size}")
    counts = (found.get("imageScanFindingsSummary") or {}).get("findingSeverityCounts") or {}
    if counts.get("CRITICAL"):
        yield warn(
            "image",
            f"ECR's scan found {counts['CRITICAL']} critical vulnerabilities in it",
            f"aws ecr describe-image-scan-findings --region {region} --repository-name {repository} "
            f"--image-id imageDigest={digest}",
        )


def artifact(subject: Subject) -> Iterator[Finding]:
    """That it is there, in this region, and that its digest is known and is the one of the file at hand."""
    address = subject.wants("ModelArtifact")
    if not address.startswith("s3://"):
        return
    bucket, _, key = address.removeprefix("s3://").partition("/")
    try:
        head = subject.account.ask("s3", "head_object", Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    except Refused as refused:
        if refused.code not in ABSENT:
            raise
        yield fail(
            "artifact", f"there is no {address}", f"aws s3 cp model.tar.gz {address} --checksum-algorithm SHA256"
        )
        return
    region = subject.account.ask("s3", "head_bucket", Bucket=bucket).get("BucketRegion")
    if region and subject.region and region != subject.region:
        yield fail(
            "artifact",
            f"{bucket} is in {region}, the stack in {subject.region}: SageMaker reads its own region's only",
            f"aws s3 cp {address} s3://BUCKET-IN-{subject.region}/{key}",
        )
    yield from _digests(subject, address, head)


def _digests(subject: Subject, address: str, head: Any) -> Iterator[Finding]:
    noted: str | None = (head.get("Metadata") or {}).get("sha256")
    checksum = head.get("ChecksumSHA256", "")
    # Of an upload in parts it is the digest of digests, and ends in their number.
    stored = base64.b64decode(checksum).hex() if checksum and "-" not in checksum else None
    known = stored or noted
    local = _file_sha256(subject.artifact) if subject.artifact else None
    file = subject.artifact or "model.tar.gz"
    again = (
        f"aws s3 cp {file} {address} --checksum-algorithm SHA256 --metadata sha256=$(sha256sum {file} | cut -d' ' -f1)"
    )
    if noted and stored and noted != stored:
        yield fail("artifact", f"its metadata says sha256 {noted[:12]}…, S3 counted {stored[:12]}…", again)
    elif local and local != known:
        has = f"has sha256 {known[:12]}…" if known else "has no digest"
        yield fail("artifact", f"{address} {has}, {subject.artifact} has {local[:12]}…", again)
    elif known is None:
        yield warn("artifact", f"{address} has no digest: what was tested can't be told from what is deployed", again)
    else:
        yield ok("artifact", f"{address}, sha256 {known[:12]}…, {head['ContentLength'] / 1e9:.2f} GB")


def photo_buckets(subject: Subject) -> Iterator[Finding]:
    """That they are there and whose they are. The functions' own right to read them shows with the first photo."""
    owner = subject.wants("PhotoBucketsOwner")
    for bucket in filter(None, subject.wants("PhotoBuckets").split(",")):
        try:
            subject.account.ask("s3", "head_bucket", Bucket=bucket, ExpectedBucketOwner=owner or subject.account_id)
        except Refused as refused:
            if refused.code not in ABSENT:
                raise
            yield fail("photo buckets", f"there is no bucket {bucket}", f"aws s3api head-bucket --bucket {bucket}")
        except CouldNotLook as error:
            yield skipped("photo buckets", f"{bucket}: could not look: {error}, or it is not PhotoBucketsOwner's")
        else:
            yield ok("photo buckets", f"{bucket} is there")


def certificate(subject: Subject) -> Iterator[Finding]:
    """In us-east-1 where CloudFront shows it, in the stack's region where API Gateway or a load balancer does."""
    for name, arn in subject.parameters.items():
        if ":acm:" not in arn:
            continue
        region = arn.split(":")[3]
        used_by = {each.type for each in subject.expected if arn in json.dumps(dict(each.properties), default=str)}
        needed = EDGE_REGION if "AWS::CloudFront::Distribution" in used_by else subject.region
        if used_by - {"AWS::CloudFormation::Stack"} and needed and region != needed:
            yield fail(
                "certificate",
                f"{name} is of {region} and must be of {needed}",
                f"aws acm request-certificate --region {needed} --domain-name … --validation-method DNS",
            )
            continue
        try:
            found = subject.account.ask("acm", "describe_certificate", region=region, CertificateArn=arn)["Certificate"]
        except Refused as refused:
            if refused.code != "ResourceNotFoundException":
                raise
            yield fail(
                "certificate", f"{name}: there is no such certificate", f"aws acm list-certificates --region {region}"
            )
            continue
        yield _judged(name, arn, region, found)


def _judged(name: str, arn: str, region: str, found: Any) -> Finding:
    if found["Status"] != "ISSUED":
        return fail(
            "certificate",
            f"{name} is {found['Status']}, not ISSUED",
            f"aws acm describe-certificate --region {region} --certificate-arn {arn}",
        )
    ends = found.get("NotAfter")
    if ends is not None and ends - datetime.now(UTC) < SOON:
        return warn(
            "certificate", f"{name} ends on {ends:%Y-%m-%d}", f"aws acm renew-certificate --certificate-arn {arn}"
        )
    return ok("certificate", f"{name}: {found.get('DomainName')}, issued")


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
