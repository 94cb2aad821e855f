"""Parameters that cannot go together are refused before anything is made, by a line that names what is missing."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.infrastructure.resolved import refusals

MODEL = {"EndpointKind": "url", "EndpointUrl": "https://model.internal/"}
CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
DOMAIN = {"DomainName": "api.example.com", "HostedZoneId": "Z1"}
EDGE = {"EdgeCertificateArn": CERTIFICATE.replace("eu-west-1", "us-east-1"), "EdgeWebAclArn": "arn:aws:wafv2:…"}


@pytest.mark.parametrize(
    ("parameters", "refused"),
    [
        ({}, []),
        ({"Firewall": "true"}, []),
        (DOMAIN, []),
        ({"DomainName": "api.example.com", "CertificateArn": CERTIFICATE}, []),
        (DOMAIN | EDGE | {"CloudFront": "true", "Firewall": "true"}, []),
        (
            {"DomainName": "api.example.com"},
            ["DomainName needs CertificateArn, or HostedZoneId to make a certificate"],
        ),
        ({"HostedZoneId": "Z1"}, ["HostedZoneId needs DomainName"]),
        ({"CertificateArn": CERTIFICATE}, ["CertificateArn needs DomainName"]),
        (DOMAIN | EDGE, ["EdgeCertificateArn needs CloudFront true", "EdgeWebAclArn needs CloudFront true"]),
        (
            EDGE | {"CloudFront": "true", "Firewall": "true"},
            ["CloudFront needs DomainName"],
        ),
        (
            DOMAIN | EDGE | {"CloudFront": "true"},
            ["CloudFront needs Firewall true, which keeps out whoever goes around it"],
        ),
        (
            DOMAIN | {"CloudFront": "true", "Firewall": "true"},
            [
                "CloudFront needs EdgeCertificateArn (infrastructure/edge-us-east-1.yaml makes it)",
                "CloudFront needs EdgeWebAclArn (infrastructure/edge-us-east-1.yaml makes it)",
            ],
        ),
    ],
)
def test_what_may_stand_before_the_gateway(
    source: Mapping[str, Any], parameters: dict[str, str], refused: list[str]
) -> None:
    assert refusals(source, **MODEL, **parameters) == refused


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_an_environment_wants_only_what_has_no_sensible_default(
    environment: str, source: Mapping[str, Any], root: Path
) -> None:
    deploy = tomllib.loads((root / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
    given = dict(override.split("=", 1) for override in deploy["parameter_overrides"])
    wanted = refusals(source, **given)
    assert wanted
    assert all(line.startswith("EndpointKind sagemaker needs Model") for line in wanted), wanted
