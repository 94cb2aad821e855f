"""What stands before the API: nothing unless asked for, no way around it, no photo refused, no secret in its logs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.unit.infrastructure.resolved import resources

MODEL = {"EndpointKind": "url", "EndpointUrl": "https://model.internal/"}
FIREWALL = {"WebAcl", "WebAclOnStage", "WebAclLogGroup", "WebAclLogging"}
API_DOMAIN = {"ApiDomain", "ApiMapping"}
CLOUDFRONT = {"FirstOriginSecret", "SecondOriginSecret", "DocumentationCaching", "Distribution"}
OWN = {"DomainName": "api.example.com"}
IN_ZONE = OWN | {"HostedZoneId": "Z1"}
BEHIND = IN_ZONE | {"Firewall": "true", "CloudFront": "true"}
ACLS = [("edge.yaml", {"Firewall": "true"}), ("edge.yaml", BEHIND), ("edge-us-east-1.yaml", OWN)]

# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
READ_BODIES = {
    "AWSManagedRulesCommonRuleSet": {
        "SizeRestrictions_BODY",
        "CrossSiteScripting_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "EC2MetaDataSSRF_BODY",
    },
    "AWSManagedRulesKnownBadInputsRuleSet": {"JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY"},
}
CREDENTIALS = {"authorization", "x-api-key", "x-amz-security-token", "cookie"}
ORIGIN_HEADER = "x-scrutineer-origin"


def edge(nested: Mapping[str, Any], **parameters: str) -> dict[str, dict[str, Any]]:
    switches = {"Firewall": "false", "CloudFront": "false", "OriginSecret": "first", "RequestsPerAddress": "10000"}
    given = switches | {"Name": "scrutineer", "ApiId": "api", "StageName": "prod", "KeyArn": "key"} | parameters
    return resources(nested["edge.yaml"], **given)


@pytest.mark.parametrize(
    ("parameters", "made"),
    [
        ({}, set()),
        ({"Firewall": "true"}, FIREWALL),
        (OWN | {"CertificateArn": "arn"}, API_DOMAIN),
        (IN_ZONE, API_DOMAIN | {"Certificate", "Record"}),
        (IN_ZONE | {"CertificateArn": "arn", "Firewall": "true"}, API_DOMAIN | {"Record"} | FIREWALL),
        (BEHIND, API_DOMAIN | {"Certificate", "Record", "Ipv6Record"} | FIREWALL | CLOUDFRONT),
        (
            OWN | {"CertificateArn": "arn", "Firewall": "true", "CloudFront": "true"},
            API_DOMAIN | FIREWALL | CLOUDFRONT,
        ),
    ],
)
def test_only_what_is_asked_for_is_made(nested: Mapping[str, Any], parameters: dict[str, str], made: set[str]) -> None:
    assert set(edge(nested, **parameters)) == made


@pytest.mark.parametrize(
    ("parameters", "there"),
    [({}, False), ({"Firewall": "true"}, True), (IN_ZONE, True), (BEHIND, True)],
)
def test_the_stack_is_there_where_it_has_something_to_do(
    document: Mapping[str, Any], parameters: dict[str, str], there: bool
) -> None:
    assert ("Edge" in resources(document, **MODEL, **parameters)) == there


@pytest.mark.parametrize(("parameters", "closed"), [({}, False), (IN_ZONE, True)])
def test_a_domain_closes_the_other_address(
    document: Mapping[str, Any], parameters: dict[str, str], closed: bool
) -> None:
    """That takes effect only where the stage changes as well."""
    found = resources(document, **MODEL, **parameters)
    (server,) = found["Api"]["Body"]["servers"]
    stage = found["ApiStage"]
    assert server["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"] is closed
    assert stage["Variables"]["address"] == ("api.example.com" if closed else "execute-api")


@pytest.mark.parametrize(("parameters", "proxies"), [({}, "0"), (IN_ZONE, "0"), (BEHIND, "1")])
def test_functions_are_told_whom_a_request_has_passed(
    document: Mapping[str, Any], parameters: dict[str, str], proxies: str
) -> None:
    assert resources(document, **MODEL, **parameters)["ApiStage"]["Variables"]["proxies"] == proxies


def test_paths_reach_the_functions_as_they_know_them(nested: Mapping[str, Any]) -> None:
    """With a base path API Gateway would put it before theirs."""
    assert "BasePath" not in edge(nested, **IN_ZONE)["ApiMapping"]


@pytest.mark.parametrize(
    ("parameters", "target"),
    [(IN_ZONE, "<ApiDomain.RegionalDomainName>"), (BEHIND, "<Distribution.DomainName>")],
)
def test_the_record_points_to_what_is_met_first(
    nested: Mapping[str, Any], parameters: dict[str, str], target: str
) -> None:
    found = edge(nested, **parameters)
    targets = {found[name]["AliasTarget"]["DNSName"] for name in ("Record", "Ipv6Record") if name in found}
    assert targets == {target}


def test_cloudfront_hands_on_everything_and_keeps_only_the_documentation(
    nested: Mapping[str, Any], document: Mapping[str, Any]
) -> None:
    distribution = edge(nested, **BEHIND)["Distribution"]["DistributionConfig"]
    others = distribution["DefaultCacheBehavior"]
    paths = document["Resources"]["Api"]["Properties"]["Body"]["paths"]
    all_viewer = "216adef6-5c7f-47e4-b989-5492eafa07d3"

    assert others["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
    assert set(others["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"}
    for behaviour in (others, *distribution["CacheBehaviors"]):
        assert behaviour["OriginRequestPolicyId"] == all_viewer
        assert behaviour["ViewerProtocolPolicy"] == "https-only"
    for behaviour in distribution["CacheBehaviors"]:
        assert behaviour["CachePolicyId"] == "<DocumentationCaching>"
        # Kept for everybody, so open to everybody.
        assert paths[behaviour["PathPattern"]]["get"]["security"] == []


def test_cloudfront_keeps_no_error(nested: Mapping[str, Any]) -> None:
    """One client's 403 or 404 would be another's for ten seconds: credentials are not part of what it is kept by."""
    errors = edge(nested, **BEHIND)["Distribution"]["DistributionConfig"]["CustomErrorResponses"]
    # All that it can be said for:
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/custom-error-pages-expiration.html
    assert [error["ErrorCode"] for error in errors] == [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504]
    assert {error["ErrorCachingMinTTL"] for error in errors} == {0}


def test_cloudfront_waits_longer_than_api_gateway(nested: Mapping[str, Any]) -> None:
    (origin,) = edge(nested, **BEHIND)["Distribution"]["DistributionConfig"]["Origins"]
    assert origin["CustomOriginConfig"]["OriginReadTimeout"] > 29
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert origin["DomainName"] == "<ApiDomain.RegionalDomainName>"


@pytest.mark.parametrize("turn", ["first", "second"])
def test_only_cloudfront_gets_through(nested: Mapping[str, Any], turn: str) -> None:
    found = edge(nested, **BEHIND, OriginSecret=turn)
    (origin,) = found["Distribution"]["DistributionConfig"]["Origins"]
    (shown,) = origin["OriginCustomHeaders"]
    foremost = min(found["WebAcl"]["Rules"], key=lambda rule: int(rule["Priority"]))

    assert foremost["Action"] == {"Block": {}}
    assert shown["HeaderName"] == ORIGIN_HEADER
    assert not matches(foremost["Statement"], {ORIGIN_HEADER: shown["HeaderValue"]})
    assert matches(foremost["Statement"], {})
    assert matches(foremost["Statement"], {ORIGIN_HEADER: ""})
    assert matches(foremost["Statement"], {ORIGIN_HEADER: f"{shown['HeaderValue']} "})


def test_a_secret_is_renewed_before_it_is_shown(nested: Mapping[str, Any]) -> None:
    """Each turn shows another one, changes the firewall, which reads both anew, and does so first."""
    first, second = (edge(nested, **BEHIND, OriginSecret=turn) for turn in ("first", "second"))
    shown = {
        json.dumps(found["Distribution"]["DistributionConfig"]["Origins"][0]["OriginCustomHeaders"])
        for found in (first, second)
    }
    assert len(shown) == 2
    assert first["WebAcl"]["Description"] != second["WebAcl"]["Description"]
    assert nested["edge.yaml"]["Resources"]["Distribution"]["DependsOn"] == "WebAcl"


@pytest.mark.parametrize("parameters", [{"Firewall": "true"}, BEHIND])
def test_no_rule_that_reads_a_body_blocks(nested: Mapping[str, Any], parameters: dict[str, str]) -> None:
    """Photos are megabytes of base64 in JSON; SizeRestrictions_BODY alone would refuse all over 8 KB."""
    groups = dict(managed_groups(edge(nested, **parameters)["WebAcl"]))
    for name, read_bodies in READ_BODIES.items():
        overridden = {each["Name"]: each["ActionToUse"] for each in groups[name]["RuleActionOverrides"]}
        assert read_bodies <= set(overridden), name
        assert all(action == {"Count": {}} for action in overridden.values()), name
    assert set(groups) - set(READ_BODIES) <= {"AWSManagedRulesAmazonIpReputationList"}


@pytest.mark.parametrize(
    ("parameters", "at_the_stage"),
    [({"Firewall": "true"}, True), (BEHIND, False)],
)
def test_addresses_are_judged_where_they_are_seen(
    nested: Mapping[str, Any], parameters: dict[str, str], at_the_stage: bool
) -> None:
    stage = {rule["Name"] for rule in edge(nested, **parameters)["WebAcl"]["Rules"]}
    before = {rule["Name"] for rule in resources(nested["edge-us-east-1.yaml"], **OWN)["WebAcl"]["Rules"]}
    assert before == {"requests-per-address", "ip-reputation"}
    assert (before <= stage) == at_the_stage
    assert (before & stage == set()) != at_the_stage


@pytest.mark.parametrize(("name", "parameters"), ACLS)
def test_who_sends_too_much_is_told_so_in_our_shape(
    nested: Mapping[str, Any], name: str, parameters: dict[str, str]
) -> None:
    acl = (edge(nested, **parameters) if name == "edge.yaml" else resources(nested[name], **parameters))["WebAcl"]
    body = acl["CustomResponseBodies"]["too-many-requests"]
    problem = json.loads(body["Content"])
    assert body["ContentType"] == "APPLICATION_JSON"
    assert list(problem) == ["type", "title", "status", "detail", "code"]
    assert (problem["type"], problem["status"]) == (f"urn:scrutineer:problem:{problem['code']}", 429)
    for rule in acl["Rules"]:
        if rule["Name"] == "requests-per-address":
            response = rule["Action"]["Block"]["CustomResponse"]
            assert (response["ResponseCode"], response["CustomResponseBodyKey"]) == (429, "too-many-requests")
            assert [header["Name"] for header in response["ResponseHeaders"]] == ["Retry-After"]


@pytest.mark.parametrize(("name", "parameters"), ACLS)
def test_no_secret_is_in_a_firewalls_logs_or_samples(
    nested: Mapping[str, Any], name: str, parameters: dict[str, str]
) -> None:
    found = edge(nested, **parameters) if name == "edge.yaml" else resources(nested[name], **parameters)
    redacted = found["WebAclLogging"]["RedactedFields"]
    headers = {field["SingleHeader"]["Name"] for field in redacted if "SingleHeader" in field}
    assert headers >= CREDENTIALS
    assert {"QueryString": {}} in redacted
    assert (ORIGIN_HEADER in headers) == (name == "edge.yaml")
    assert {shown["SampledRequestsEnabled"] for shown in visibility(found["WebAcl"])} == {False}


@pytest.mark.parametrize(("file", "parameters"), ACLS)
def test_no_metric_has_a_name_that_waf_keeps_for_itself(
    nested: Mapping[str, Any], file: str, parameters: dict[str, str]
) -> None:
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_VisibilityConfig.html"""
    made = edge(nested, **parameters) if file == "edge.yaml" else resources(nested[file], **parameters)
    names = [each["MetricName"] for each in visibility(made["WebAcl"])]
    assert len(names) == len(set(names)) > 2
    assert not {"all", "default_action"} & {name.lower() for name in names}


def test_rules_have_priorities_of_their_own(nested: Mapping[str, Any]) -> None:
    for parameters in ({"Firewall": "true"}, BEHIND):
        priorities = [rule["Priority"] for rule in edge(nested, **parameters)["WebAcl"]["Rules"]]
        assert len(set(priorities)) == len(priorities)


def matches(statement: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """As WAF judges statements about headers."""
    ((kind, content),) = statement.items()
    if kind == "NotStatement":
        return not matches(content["Statement"], headers)
    if kind == "OrStatement":
        return any(matches(each, headers) for each in content["Statements"])
    assert (kind, content["PositionalConstraint"]) == ("ByteMatchStatement", "EXACTLY")
    return bool(headers.get(content["FieldToMatch"]["SingleHeader"]["Name"]) == content["SearchString"])


def managed_groups(acl: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for rule in acl["Rules"]:
        if "ManagedRuleGroupStatement" in rule["Statement"]:
            group = rule["Statement"]["ManagedRuleGroupStatement"]
            assert rule["OverrideAction"] == {"None": {}}, rule["Name"]
            yield group["Name"], group


def visibility(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "VisibilityConfig":
                yield value
            yield from visibility(value)
    elif isinstance(node, list):
        for value in node:
            yield from visibility(value)
