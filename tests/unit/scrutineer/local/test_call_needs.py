"""What calls ask of a role, by IAM's names; the API's operations are botocore's own."""

import pytest
from botocore.loaders import Loader

from scrutineer.local.call_needs import (
    READERS,
    S3_LISTS,
    S3_READS,
    S3_WRITES,
    SQS_KEY_ACTIONS,
    Call,
    Surroundings,
    listing,
    needs,
    polling,
)

KEY = "arn:aws:kms:eu-west-1:000000000000:key/k"
QUEUE = "arn:aws:sqs:eu-west-1:000000000000:q"
OPEN = Surroundings("eu-west-1", "000000000000", {})
CLOSED = Surroundings(
    "eu-west-1",
    "000000000000",
    {"arn:aws:s3:::b": KEY, QUEUE: KEY, "arn:aws:dynamodb:eu-west-1:000000000000:table/t": KEY},
)


def asked(service, operation, params, around=OPEN, method="POST", path="/"):
    return [(need.action, need.resource) for need in needs(Call(service, operation, params, method, path), around)]


@pytest.mark.parametrize(
    ("service", "operation", "params", "expected"),
    [
        ("s3", "GetObject", {"Bucket": "b", "Key": "k/1"}, [("s3:GetObject", "arn:aws:s3:::b/k/1")]),
        ("s3", "HeadObject", {"Bucket": "b", "Key": "k"}, [("s3:GetObject", "arn:aws:s3:::b/k")]),
        (
            "s3",
            "GetObject",
            {"Bucket": "b", "Key": "k", "VersionId": "1"},
            [("s3:GetObjectVersion", "arn:aws:s3:::b/k")],
        ),
        ("s3", "UploadPart", {"Bucket": "b", "Key": "k"}, [("s3:PutObject", "arn:aws:s3:::b/k")]),
        ("s3", "ListObjectsV2", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("s3", "DeleteObject", {"Bucket": "b", "Key": "k"}, [("s3:DeleteObject", "arn:aws:s3:::b/k")]),
        (
            "s3",
            "DeleteObjects",
            {"Bucket": "b", "Delete": {"Objects": [{"Key": "1"}, {"Key": "2"}]}},
            [("s3:DeleteObject", "arn:aws:s3:::b/1"), ("s3:DeleteObject", "arn:aws:s3:::b/2")],
        ),
        ("s3", "GetBucketTagging", {"Bucket": "b"}, [("s3:GetBucketTagging", "arn:aws:s3:::b")]),
        ("sqs", "SendMessageBatch", {"QueueUrl": "http://h/0/q"}, [("sqs:SendMessage", QUEUE)]),
        ("sqs", "GetQueueUrl", {"QueueName": "q"}, [("sqs:GetQueueUrl", QUEUE)]),
        (
            "dynamodb",
            "GetItem",
            {"TableName": "t"},
            [("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:000000000000:table/t")],
        ),
        (
            "sagemaker-runtime",
            "InvokeEndpoint",
            {"EndpointName": "e"},
            [("sagemaker:InvokeEndpoint", "arn:aws:sagemaker:eu-west-1:000000000000:endpoint/e")],
        ),
        ("cloudwatch", "PutMetricData", {"Namespace": "n"}, [("cloudwatch:PutMetricData", None)]),
        ("secretsmanager", "GetSecretValue", {"SecretId": "arn:x"}, [("secretsmanager:GetSecretValue", "arn:x")]),
        ("secretsmanager", "GetSecretValue", {"SecretId": "x"}, [("secretsmanager:GetSecretValue", None)]),
        ("stepfunctions", "StartExecution", {}, [("states:StartExecution", None)]),
    ],
)
def test_calls(service, operation, params, expected):
    assert asked(service, operation, params) == expected


def test_api_gateways_actions_are_methods_and_its_resources_paths():
    assert asked("apigateway", "CreateUsagePlanKey", {}, method="POST", path="/usageplans/p/keys") == [
        ("apigateway:POST", "arn:aws:apigateway:eu-west-1::/usageplans/p/keys")
    ]


@pytest.mark.parametrize(
    ("service", "operation", "params", "actions"),
    [
        ("s3", "GetObject", {"Bucket": "b", "Key": "k"}, ["kms:Decrypt"]),
        ("s3", "PutObject", {"Bucket": "b", "Key": "k"}, ["kms:GenerateDataKey"]),
        ("s3", "CompleteMultipartUpload", {"Bucket": "b", "Key": "k"}, ["kms:GenerateDataKey", "kms:Decrypt"]),
        ("s3", "DeleteObject", {"Bucket": "b", "Key": "k"}, []),
        ("s3", "GetObject", {"Bucket": "other", "Key": "k"}, []),
        ("sqs", "SendMessage", {"QueueUrl": "http://h/0/q"}, ["kms:GenerateDataKey", "kms:Decrypt"]),
        ("sqs", "ReceiveMessage", {"QueueUrl": "http://h/0/q"}, ["kms:Decrypt"]),
        ("sqs", "DeleteMessage", {"QueueUrl": "http://h/0/q"}, []),
        ("dynamodb", "PutItem", {"TableName": "t"}, ["kms:Decrypt"]),
    ],
)
def test_what_a_key_closes_asks_for_the_key(service, operation, params, actions):
    found = [(action, resource) for action, resource in asked(service, operation, params, CLOSED) if "kms:" in action]
    assert found == [(action, KEY) for action in actions]


def test_polling():
    assert [need.action for need in polling(QUEUE, CLOSED)] == [
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "kms:Decrypt",
    ]


def test_only_a_read_of_s3_can_tell_absence():
    assert listing(Call("s3", "GetObject", {"Bucket": "b", "Key": "k"}, "", "")).resource == "arn:aws:s3:::b"
    assert listing(Call("s3", "PutObject", {"Bucket": "b", "Key": "k"}, "", "")) is None
    assert listing(Call("sqs", "GetQueueUrl", {}, "", "")) is None


def test_services_and_operations_are_botocores():
    loader = Loader()
    assert set(READERS) <= set(loader.list_available_services("service-2"))
    s3, sqs = (set(loader.load_service_model(name, "service-2")["operations"]) for name in ("s3", "sqs"))
    assert s3 >= S3_READS | S3_WRITES | S3_LISTS | {"DeleteObjects"}
    assert sqs >= set(SQS_KEY_ACTIONS)
