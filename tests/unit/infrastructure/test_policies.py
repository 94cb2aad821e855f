"""Each role may do what its function needs, on what it needs it, and nothing wider than is explained here."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from scrutineer.local.intrinsics import Resolver
from tests.unit.infrastructure.resolved import Names, defaults
from tests.unit.infrastructure.resolved import resources as made

# (template, resource, statement): why no narrower resource can be named.
WITHOUT_RESOURCE = {
    ("template.yaml", "TracePolicy", "SendTraces"): "X-Ray has no resource for segments",
    ("template.yaml", "DeploymentRole", "ReadAlarms"): "composite alarms are told only to whoever may read all",
    ("template.yaml", "DatabasePolicy", "JoinNetwork"): "network interfaces are checked before they exist",
    ("template.yaml", "MigrateRole", "JoinNetwork"): "network interfaces are checked before they exist",
    ("network.yaml", "S3Endpoint", "OwnBuckets"): "any bucket of this account; the accounts of both are the condition",
    ("network.yaml", "S3Endpoint", "PhotoBuckets"): "any bucket of that account, for this account's identities",
    ("network.yaml", "PrefixListsRole", "LookUp"): "what describes prefix lists has no resource",
    ("endpoint.yaml", "Role", "SignInToEcr"): "a sign-in to ECR belongs to no repository",
    ("delivery.yaml", "ImagePolicy", "SignInToEcr"): "a sign-in to ECR belongs to no repository",
    ("fargate.yaml", "ExecutionRole", "SignInToEcr"): "a sign-in to ECR belongs to no repository",
    ("endpoint.yaml", "Role", "WriteMetrics"): "metrics have no resource; the namespace is a condition",
}
AWS_MANAGED = {"service-role/AmazonAPIGatewayPushToCloudWatchLogs", "service-role/AmazonRDSEnhancedMonitoringRole"}

APIGATEWAY = "arn:${AWS::Partition}:apigateway:${AWS::Region}::"
GATEWAY_RECORDS = {
    "apigateway:GET": [f"{APIGATEWAY}/apikeys", f"{APIGATEWAY}/usageplans", f"{APIGATEWAY}/usageplans/*/keys"],
    "apigateway:POST": [f"{APIGATEWAY}/apikeys", f"{APIGATEWAY}/usageplans", f"{APIGATEWAY}/usageplans/*/keys"],
    "apigateway:PATCH": [f"{APIGATEWAY}/apikeys/*", f"{APIGATEWAY}/usageplans/*"],
    "apigateway:DELETE": [f"{APIGATEWAY}/apikeys/*", f"{APIGATEWAY}/usageplans/*"],
}

ENDPOINT_AND_COMPONENT = ["Endpoint.Outputs.EndpointArn", "Endpoint.Outputs.ComponentArn if UsesComponents"]
ENDPOINTS = "arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}:endpoint"

# The objects of each of the buckets, and of no others.
EACH_PHOTO_BUCKET = {
    "Fn::Split": [
        ",",
        {
            "Fn::Sub": [
                "arn:aws:s3:::${Joined}/*",
                {"Joined": {"Fn::Join": ["/*,arn:aws:s3:::", {"Fn::Split": [",", {"Ref": "PhotoBuckets"}]}]}},
            ]
        },
    ]
}

# What each stage may do besides writing logs, sending traces and, but for documentation, using the database.
GRANTS = {
    "Authorizer": {},
    "Inspections": {
        "s3:PutObject": ["photos/*", "uploads/*"],
        "s3:GetObject": ["uploads/*", "PhotoBuckets"],
        "s3:DeleteObject": ["photos/*", "prepared/*", "asynchronous/requests/*"],
        "dynamodb:GetItem": ["HotResults"],
        "sqs:SendMessage": ["PrecheckQueue", "PrecheckBulkQueue", "NotifyQueue"],
    },
    "Batches": {
        "s3:PutObject": ["batches/*"],
        "s3:GetObject": ["batches/*", "uploads/*", "PhotoBuckets"],
        "sqs:SendMessage": ["SpreadQueue"],
    },
    "Spread": {
        "s3:GetObject": ["batches/*", "uploads/*", "PhotoBuckets"],
        "s3:PutObject": ["photos/*", "batches/*"],
        "s3:DeleteObject": ["batches/*"],
        "s3:ListBucket": ["InspectionBucket"],
        "sqs:SendMessage": ["SpreadQueue", "PrecheckBulkQueue", "NotifyQueue"],
        "sqs:ReceiveMessage": ["SpreadQueue"],
    },
    "Precheck": {
        "s3:GetObject": ["photos/*"],
        "s3:PutObject": ["prepared/*"],
        "sqs:SendMessage": ["PrecheckQueue", "PrecheckBulkQueue", "InvokeQueue", "InvokeBulkQueue", "NotifyQueue"],
        "sqs:ReceiveMessage": ["PrecheckQueue", "PrecheckBulkQueue"],
    },
    "Invoke": {
        "s3:GetObject": [
            *["prepared/*", "captures/*"],
            *["asynchronous/calls/*", "asynchronous/answers/*", "asynchronous/failures/*"],
        ],
        "s3:PutObject": ["captures/*", "asynchronous/requests/*", "asynchronous/calls/*"],
        "s3:DeleteObject": ["asynchronous/requests/*", "asynchronous/calls/*"],
        "s3:ListBucket": ["InspectionBucket"],
        "sqs:SendMessage": ["InvokeQueue", "InvokeBulkQueue", "FormatQueue", "NotifyQueue"],
        "sqs:ReceiveMessage": ["InvokeQueue", "InvokeBulkQueue"],
        "sagemaker:InvokeEndpoint": ENDPOINT_AND_COMPONENT,
        "sagemaker:InvokeEndpointAsync": ["Endpoint.Outputs.EndpointArn"],
    },
    "Format": {
        "s3:GetObject": ["captures/*"],
        "s3:PutObject": ["results/*"],
        "dynamodb:PutItem": ["HotResults"],
        "sqs:SendMessage": ["FormatQueue", "NotifyQueue"],
        "sqs:ReceiveMessage": ["FormatQueue"],
    },
    "Archive": {"s3:PutObject": ["results/*"], "dynamodb:PutItem": ["HotResults"]},
    "Notify": {"sqs:ReceiveMessage": ["NotifyQueue"]},
    "Webhooks": {"sqs:SendMessage": ["NotifyQueue"]},
    "Embeddings": {"sagemaker:InvokeEndpoint": [f"{ENDPOINTS}/${{EmbeddingSageMakerEndpoint}}"]},
    "Descriptions": {"sagemaker:InvokeEndpoint": ENDPOINT_AND_COMPONENT},
    "Sweeper": {
        "sqs:SendMessage": [
            "PrecheckQueue",
            "PrecheckBulkQueue",
            "InvokeQueue",
            "InvokeBulkQueue",
            "FormatQueue",
            "SpreadQueue",
            "NotifyQueue",
        ]
    },
    "Warmup": {"sagemaker:InvokeEndpoint": ENDPOINT_AND_COMPONENT},
    "Retention": {"s3:DeleteObject": ["photos/*", "prepared/*", "asynchronous/requests/*"]},
    "Admin": GATEWAY_RECORDS
    | {
        "sqs:ReceiveMessage": ["PrecheckDeadLetters", "InvokeDeadLetters", "FormatDeadLetters"],
        "sqs:SendMessage": ["PrecheckQueue", "PrecheckBulkQueue", "InvokeQueue", "InvokeBulkQueue", "FormatQueue"],
    },
    "Reconcile": GATEWAY_RECORDS,
    "Documentation": {},
}
NO_VALUE = {"Ref": "AWS::NoValue"}
RECEIVING = {"sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"}


def test_star_stands_only_where_no_resource_could(document: Mapping[str, Any], nested: Mapping[str, Any]) -> None:
    found = {
        (name, logical_id, statement["Sid"])
        for name, template in {"template.yaml": document, **nested}.items()
        for logical_id, statement in statements(template)
        if statement["Effect"] == "Allow" and "*" in as_list(statement.get("Resource"))
    }
    assert found == set(WITHOUT_RESOURCE)


def test_no_action_is_a_wildcard(document: Mapping[str, Any], nested: Mapping[str, Any]) -> None:
    wide = [
        f"{name}: {logical_id}: {action}"
        for name, template in {"template.yaml": document, **nested}.items()
        for logical_id, statement in statements(template)
        for action in as_list(statement["Action"])
        if statement["Effect"] == "Allow" and "*" in action
    ]
    assert wide == []


def test_aws_managed_policies_are_the_known_few(document: Mapping[str, Any], nested: Mapping[str, Any]) -> None:
    attached = {
        policy["Fn::Sub"].split(":policy/")[1]
        for template in (document, *nested.values())
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
        for policy in resource["Properties"].get("ManagedPolicyArns", [])
        if "Ref" not in policy
    }
    assert attached == AWS_MANAGED


@pytest.mark.parametrize(("way", "hands_over"), [("components", False), ("variants", False), ("asynchronous", True)])
def test_only_an_asynchronous_endpoint_is_asked_by_the_bucket(
    document: Mapping[str, Any], way: str, hands_over: bool
) -> None:
    parameters = {**defaults(document), "EndpointKind": "sagemaker", "EndpointWay": way}
    resolver = Resolver(document, parameters, Names())
    allowed = {
        stage: {
            (action, target)
            for policy in resolver.resolve(document["Resources"][f"{stage}Role"]["Properties"]["Policies"])
            for statement in policy["PolicyDocument"]["Statement"]
            for action in as_list(statement["Action"])
            for target in as_list(statement["Resource"])
        }
        for stage in ("Invoke", "Descriptions", "Warmup")
    }
    asked = {
        stage: {action for action, _ in each if action.startswith("sagemaker:")} for stage, each in allowed.items()
    }
    assert asked == (
        {"Invoke": {"sagemaker:InvokeEndpointAsync"}, "Descriptions": set(), "Warmup": set()}
        if hands_over
        else {stage: {"sagemaker:InvokeEndpoint"} for stage in asked}
    )
    assert any("/asynchronous/" in str(target) for _, target in allowed["Invoke"]) is hands_over


@pytest.mark.parametrize("stage", sorted(GRANTS))
def test_a_function_may_do_exactly_this(stage: str, resources: Mapping[str, Any]) -> None:
    assert resources[f"{stage}Function"]["Properties"]["Role"] == {"Fn::GetAtt": [f"{stage}Role", "Arn"]}
    role = resources[f"{stage}Role"]["Properties"]
    attached = {policy["Ref"] for policy in role["ManagedPolicyArns"]}
    database = set() if stage == "Documentation" else {"DatabasePolicy"}
    # Whoever reads or writes an object or a message needs the key that closes them; removing one needs none.
    closed = {"s3:GetObject", "s3:PutObject", "sqs:SendMessage", "sqs:ReceiveMessage"} & set(GRANTS[stage])
    assert attached == {"TracePolicy"} | database | ({"DataKeyPolicy"} if closed else set())

    granted: dict[str, list[str]] = {}
    for policy in role["Policies"]:
        for statement in flattened(policy["PolicyDocument"]["Statement"]):
            for action in as_list(statement["Action"]):
                granted.setdefault(action, []).extend(target(each) for each in as_list(statement["Resource"]))
    logs = {action: granted.pop(action) for action in ("logs:CreateLogStream", "logs:PutLogEvents")}
    assert set(map(tuple, logs.values())) == {(f"{stage}LogGroup",)}
    receiving = {action: granted.pop(action) for action in RECEIVING & set(granted)}
    assert receiving == dict.fromkeys(receiving, GRANTS[stage].get("sqs:ReceiveMessage"))
    assert set(receiving) == (RECEIVING if "sqs:ReceiveMessage" in granted else set())
    assert granted == GRANTS[stage]


def test_the_bucket_is_private_encrypted_and_only_reached_by_tls(resources: Mapping[str, Any]) -> None:
    bucket = resources["InspectionBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (deny,) = resources["InspectionBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


@pytest.mark.parametrize(
    ("given", "origins"),
    [
        ("", None),
        ("https://app.example.com", ["https://app.example.com"]),
        ("https://app.example.com,http://localhost:3000", ["https://app.example.com", "http://localhost:3000"]),
    ],
)
def test_a_page_may_post_to_the_bucket_and_read_nothing(
    document: Mapping[str, Any], given: str, origins: list[str] | None
) -> None:
    url = {"EndpointKind": "url", "EndpointUrl": "https://model.internal/"}
    bucket = made(document, **url, UploadOrigins=given)["InspectionBucket"]
    rules = bucket.get("CorsConfiguration", {}).get("CorsRules")
    if origins is None:
        assert rules is None
    else:
        ((allowed, methods),) = [(rule["AllowedOrigins"], rule["AllowedMethods"]) for rule in rules]
        assert (allowed, methods) == (origins, ["POST"])


@pytest.mark.parametrize("origins", ["*", "https://*.example.com", "https://app.example.com/", "app.example.com"])
def test_an_origin_is_one_place_written_as_browsers_write_it(source: Mapping[str, Any], origins: str) -> None:
    assert not re.fullmatch(source["Parameters"]["UploadOrigins"]["AllowedPattern"], origins)


def test_one_key_closes_all_that_is_kept(resources: Mapping[str, Any], nested: Mapping[str, Any]) -> None:
    key = {"Fn::GetAtt": ["DataKey", "Arn"]}
    (rule,) = resources["InspectionBucket"]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    for logical_id, resource in resources.items():
        if resource["Type"] == "AWS::Logs::LogGroup":
            assert resource["Properties"]["KmsKeyId"] == key, logical_id
        if resource["Type"] == "AWS::SQS::Queue":
            assert resource["Properties"]["KmsMasterKeyId"] == {"Ref": "DataKey"}, logical_id
    assert resources["Database"]["Properties"]["Parameters"]["KeyArn"] == key
    database = nested["database.yaml"]["Resources"]
    assert database["ApplicationSecret"]["Properties"]["KmsKeyId"] == {"Ref": "KeyArn"}
    assert database["Instance"]["Properties"]["KmsKeyId"] == {"Fn::If": ["IsNew", {"Ref": "KeyArn"}, NO_VALUE]}
    assert database["Instance"]["Properties"]["MasterUserSecret"] == {"KmsKeyId": {"Ref": "KeyArn"}}
    # What it closed outlives the stack.
    assert resources["DataKey"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_the_table_for_hot_reads_is_there_by_choice_closed_and_recoverable(resources: Mapping[str, Any]) -> None:
    table = resources["HotResults"]
    assert table["Condition"] == "ReadsHot"
    assert table["Properties"]["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": {"Fn::GetAtt": ["DataKey", "Arn"]},
    }
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_whatever_is_written_to_the_bucket_ages_out(resources: Mapping[str, Any]) -> None:
    rules = resources["InspectionBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    aged = {f"{rule['Prefix']}*" for rule in rules if "ExpirationInDays" in rule}
    written = {key for grants in GRANTS.values() for key in grants.get("s3:PutObject", [])}
    assert aged == {f"{key.split('/')[0]}/*" for key in written}


def statements(template: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every statement of every identity's and resource's policy, with the logical id of what it belongs to."""
    for logical_id, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for document in documents:
            for statement in flattened(document["Statement"]):
                yield logical_id, statement


def flattened(found: list[Any]) -> Iterator[Mapping[str, Any]]:
    """Statements, and both sides of those that stand under an If."""
    for statement in found:
        branches = statement["Fn::If"][1:] if "Fn::If" in statement else [statement]
        yield from (branch for branch in branches if "Effect" in branch)


def target(resource: Any) -> str:
    """Which resource, or which part of the bucket, a statement names."""
    if "Fn::If" in resource:
        condition, where_true, where_false = resource["Fn::If"]
        assert where_false == {"Ref": "AWS::NoValue"}
        return f"{target(where_true)} if {condition}"
    if "Fn::GetAtt" in resource:
        logical_id, attribute = resource["Fn::GetAtt"]
        return f"{logical_id}.{attribute}" if attribute.startswith("Outputs.") else str(logical_id)
    if resource == EACH_PHOTO_BUCKET:
        return "PhotoBuckets"
    return str(resource["Fn::Sub"].removeprefix("${InspectionBucket.Arn}/"))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
