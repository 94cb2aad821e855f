"""Image, model's files, photo buckets and certificate: absent, wrong, and well."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scrutineer.deployment.account import CouldNotLook
from scrutineer.deployment.checks import inputs
from scrutineer.deployment.findings import Verdict
from tests.fakes.aws_account import refused
from tests.unit.scrutineer.deployment.projects import DIGEST, IMAGE, only, project, subject, told

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}
DECLARED = {
    name: {"Type": "String", "Default": ""}
    for name in ("ModelImage", "ModelArtifact", "PhotoBuckets", "PhotoBucketsOwner", "CertificateArn")
}
ARTIFACT = "s3://models/internvl/model.tar.gz"
CONTENT = b"weights"
SHA = hashlib.sha256(CONTENT).hexdigest()
SHA_BASE64 = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
OTHER = "0" * 64


def looked(folder: Path, check: Any, answers: dict[str, Any], **parameters: str) -> Any:
    return check(subject(project(folder, TOPIC, declared=DECLARED), answers, parameters=parameters))


@pytest.mark.parametrize("code", ["ImageNotFoundException", "RepositoryNotFoundException"])
def test_an_image_that_is_not_there(code: str, tmp_path: Path) -> None:
    found = only(looked(tmp_path, inputs.image, {"ecr.describe_images": refused(code)}, ModelImage=IMAGE))
    assert found.verdict is Verdict.FAIL
    assert "--region eu-west-1 --repository-name scrutineer" in str(found.mend)


def test_an_image_that_is_there_and_its_scan(tmp_path: Path) -> None:
    detail = {"imageDigest": DIGEST, "imageSizeInBytes": 3_200_000_000}
    answers = {"ecr.describe_images": {"imageDetails": [detail]}}
    assert told(looked(tmp_path, inputs.image, answers, ModelImage=IMAGE)) == [
        ("ok", "scrutineer@sha256:aaaaaaaaaaaa… is in ECR, 3.2 GB")
    ]
    detail["imageScanFindingsSummary"] = {"findingSeverityCounts": {"CRITICAL": 2}}
    assert told(looked(tmp_path, inputs.image, answers, ModelImage=IMAGE))[1:] == [
        ("warn", "ECR's scan found 2 critical vulnerabilities in it")
    ]


def test_no_image_is_asked_for_where_the_model_is_elsewhere(tmp_path: Path) -> None:
    assert list(looked(tmp_path, inputs.image, {})) == []
    assert list(looked(tmp_path, inputs.artifact, {})) == []


def head(**more: Any) -> dict[str, Any]:
    return {
        "s3.head_object": {"ContentLength": 2_000_000_000, **more},
        "s3.head_bucket": {"BucketRegion": "eu-west-1"},
    }


@pytest.mark.parametrize(
    ("more", "verdict", "words"),
    [
        ({}, Verdict.WARN, "has no digest"),
        ({"Metadata": {"sha256": SHA}}, Verdict.OK, f"sha256 {SHA[:12]}"),
        ({"ChecksumSHA256": SHA_BASE64}, Verdict.OK, f"sha256 {SHA[:12]}"),
        ({"ChecksumSHA256": SHA_BASE64, "Metadata": {"sha256": SHA}}, Verdict.OK, ""),
        ({"ChecksumSHA256": SHA_BASE64, "Metadata": {"sha256": OTHER}}, Verdict.FAIL, "S3 counted"),
        ({"ChecksumSHA256": f"{SHA_BASE64}-2"}, Verdict.WARN, "has no digest"),
    ],
)
def test_an_artifacts_digest(more: dict[str, Any], verdict: Verdict, words: str, tmp_path: Path) -> None:
    found = only(looked(tmp_path, inputs.artifact, head(**more), ModelArtifact=ARTIFACT))
    assert found.verdict is verdict
    assert words in found.line
    if verdict is not Verdict.OK:
        assert "--checksum-algorithm SHA256 --metadata sha256=" in str(found.mend)


@pytest.mark.parametrize(("content", "verdict"), [(CONTENT, Verdict.OK), (b"others", Verdict.FAIL)])
def test_the_artifact_beside_the_file_at_hand(content: bytes, verdict: Verdict, tmp_path: Path) -> None:
    file = tmp_path / "model.tar.gz"
    file.write_bytes(content)
    folder = project(tmp_path, TOPIC, declared=DECLARED)
    asked = subject(folder, head(ChecksumSHA256=SHA_BASE64), parameters={"ModelArtifact": ARTIFACT}, artifact=file)
    assert only(inputs.artifact(asked)).verdict is verdict


def test_an_artifact_that_is_absent_or_of_another_region(tmp_path: Path) -> None:
    absent = {"s3.head_object": refused("404", "Not Found")}
    assert told(looked(tmp_path, inputs.artifact, absent, ModelArtifact=ARTIFACT)) == [
        ("fail", f"there is no {ARTIFACT}")
    ]
    far = {**head(ChecksumSHA256=SHA_BASE64), "s3.head_bucket": {"BucketRegion": "us-east-1"}}
    first = next(looked(tmp_path, inputs.artifact, far, ModelArtifact=ARTIFACT))
    assert first.verdict is Verdict.FAIL
    assert first.line.startswith("models is in us-east-1, the stack in eu-west-1")


def test_photo_buckets(tmp_path: Path) -> None:
    def answered(parameters: Any) -> dict[str, Any]:
        assert parameters["ExpectedBucketOwner"] == "123456789012"
        match parameters["Bucket"]:
            case "there":
                return {}
            case "gone":
                raise refused("404", "Not Found")
        raise CouldNotLook("needs s3:ListBucket")

    answers = {"s3.head_bucket": answered, "sts.get_caller_identity": {"Account": "123456789012"}}
    found = told(looked(tmp_path, inputs.photo_buckets, answers, PhotoBuckets="there,gone,closed"))
    assert found == [
        ("ok", "there is there"),
        ("fail", "there is no bucket gone"),
        ("skipped", "closed: could not look: needs s3:ListBucket, or it is not PhotoBucketsOwner's"),
    ]


CERTIFICATE = "arn:aws:acm:{region}:123456789012:certificate/1"
SHOWN_BY = {
    "AWS::CloudFront::Distribution": {
        "DistributionConfig": {"ViewerCertificate": {"AcmCertificateArn": {"Ref": "CertificateArn"}}}
    },
    "AWS::ApiGateway::DomainName": {"RegionalCertificateArn": {"Ref": "CertificateArn"}},
}


@pytest.mark.parametrize(
    ("kind", "region", "more", "verdict", "words"),
    [
        ("AWS::CloudFront::Distribution", "eu-west-1", {}, Verdict.FAIL, "must be of us-east-1"),
        ("AWS::CloudFront::Distribution", "us-east-1", {"Status": "ISSUED"}, Verdict.OK, "issued"),
        ("AWS::ApiGateway::DomainName", "us-east-1", {}, Verdict.FAIL, "must be of eu-west-1"),
        ("AWS::ApiGateway::DomainName", "eu-west-1", {"Status": "ISSUED"}, Verdict.OK, "issued"),
        ("AWS::ApiGateway::DomainName", "eu-west-1", {"Status": "PENDING_VALIDATION"}, Verdict.FAIL, "not ISSUED"),
        (
            "AWS::ApiGateway::DomainName",
            "eu-west-1",
            {"Status": "ISSUED", "NotAfter": datetime.now(UTC) + timedelta(days=5)},
            Verdict.WARN,
            "ends on",
        ),
    ],
)
def test_a_certificate(
    kind: str, region: str, more: dict[str, Any], verdict: Verdict, words: str, tmp_path: Path
) -> None:
    folder = project(tmp_path, {"Shows": {"Type": kind, "Properties": SHOWN_BY[kind]}}, declared=DECLARED)
    answers = {"acm.describe_certificate": {"Certificate": {"DomainName": "api.example", **more}}}
    given = {"CertificateArn": CERTIFICATE.format(region=region)}
    found = only(inputs.certificate(subject(folder, answers, parameters=given)))
    assert found.verdict is verdict
    assert words in found.line


def test_a_certificate_that_is_not_there(tmp_path: Path) -> None:
    answers = {"acm.describe_certificate": refused("ResourceNotFoundException")}
    found = only(looked(tmp_path, inputs.certificate, answers, CertificateArn=CERTIFICATE.format(region="eu-west-1")))
    assert found.verdict is Verdict.FAIL
