"""What a call of an AWS service asks of the caller's role: IAM's actions, the resources, and the keys that close them.

Actions and resources: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html.
It is imported by every function's process, so it imports next to nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from scrutineer.local.role_permissions import Need


class Call(NamedTuple):
    """`service` and `operation` as botocore names them; `method` and `path` of the HTTP request, the path filled in."""

    service: str
    operation: str
    params: Mapping[str, Any]
    method: str
    path: str


class Surroundings(NamedTuple):
    """`keys`: the KMS key of what is closed with one, both as ARNs."""

    region: str
    account: str
    keys: Mapping[str, str]


# Where a service's actions begin with another word than botocore's name for it.
PREFIXES = {"sagemaker-runtime": "sagemaker", "stepfunctions": "states"}

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
S3_WRITES = {"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"}
S3_READS = {"GetObject", "HeadObject", "GetObjectAttributes"}
S3_LISTS = {"ListObjects", "ListObjectsV2", "HeadBucket"}

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
SQS_KEY_ACTIONS = {"SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"), "ReceiveMessage": ("kms:Decrypt",)}


def needs(call: Call, around: Surroundings) -> list[Need]:
    """All of them must be allowed."""
    reader = READERS.get(call.service)
    if reader is not None:
        return list(reader(call, around))
    # IAM calls most actions what the API calls its operations.
    return [Need(f"{PREFIXES.get(call.service, call.service)}:{call.operation}", _named_by_arn(call.params), {})]


def polling(queue_arn: str, around: Surroundings) -> list[Need]:
    """What Lambda does with a queue in the name of the function that is given its messages.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
    """
    own = [Need(f"sqs:{name}", queue_arn, {}) for name in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")]
    return own + list(_key_needs(("kms:Decrypt",), queue_arn, "sqs", around))


def listing(call: Call) -> Need | None:
    """What S3 wants before it says that an object is not there: without it the answer is 403."""
    if call.service == "s3" and call.operation in S3_READS:
        return Need("s3:ListBucket", f"arn:aws:s3:::{call.params['Bucket']}", {})
    return None


def _s3(call: Call, around: Surroundings) -> Iterator[Need]:
    params, bucket = call.params, f"arn:aws:s3:::{call.params.get('Bucket')}"
    if call.operation in S3_LISTS:
        yield Need("s3:ListBucket", bucket, {})
    elif call.operation in S3_READS:
        action = "s3:GetObjectVersion" if params.get("VersionId") else "s3:GetObject"
        yield Need(action, f"{bucket}/{params['Key']}", {})
        yield from _key_needs(("kms:Decrypt",), bucket, "s3", around)
    elif call.operation in S3_WRITES:
        yield Need("s3:PutObject", f"{bucket}/{params['Key']}", {})
        parts = () if call.operation == "PutObject" else ("kms:Decrypt",)
        yield from _key_needs(("kms:GenerateDataKey", *parts), bucket, "s3", around)
    elif call.operation == "DeleteObjects":
        for entry in params["Delete"]["Objects"]:
            yield Need("s3:DeleteObject", f"{bucket}/{entry['Key']}", {})
    else:
        yield Need(f"s3:{call.operation}", f"{bucket}/{params['Key']}" if "Key" in params else bucket, {})


def _sqs(call: Call, around: Surroundings) -> Iterator[Need]:
    action = call.operation.removesuffix("Batch")
    name = str(call.params.get("QueueUrl") or call.params.get("QueueName") or "").rpartition("/")[2]
    queue = f"arn:aws:sqs:{around.region}:{around.account}:{name}"
    yield Need(f"sqs:{action}", queue, {})
    yield from _key_needs(SQS_KEY_ACTIONS.get(action, ()), queue, "sqs", around)


def _dynamodb(call: Call, around: Surroundings) -> Iterator[Need]:
    table = f"arn:aws:dynamodb:{around.region}:{around.account}:table/{call.params.get('TableName')}"
    yield Need(f"dynamodb:{call.operation}", table, {})
    yield from _key_needs(("kms:Decrypt",), table, "dynamodb", around)


def _sagemaker_runtime(call: Call, around: Surroundings) -> Iterator[Need]:
    place = f"arn:aws:sagemaker:{around.region}:{around.account}"
    yield Need(f"sagemaker:{call.operation}", f"{place}:endpoint/{call.params['EndpointName']}", {})
    component = call.params.get("InferenceComponentName")
    if component is not None:
        yield Need(f"sagemaker:{call.operation}", f"{place}:inference-component/{component}", {})


def _apigateway(call: Call, around: Surroundings) -> Iterator[Need]:
    """Its actions are HTTP's methods and its resources are paths.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-create-and-manage-apis.html
    """
    yield Need(f"apigateway:{call.method}", f"arn:aws:apigateway:{around.region}::{call.path}", {})


def _cloudwatch(call: Call, around: Surroundings) -> Iterator[Need]:
    context = {"cloudwatch:namespace": str(call.params["Namespace"])} if "Namespace" in call.params else {}
    yield Need(f"cloudwatch:{call.operation}", None, context)


def _key_needs(actions: tuple[str, ...], closed: str, service: str, around: Surroundings) -> Iterator[Need]:
    """The service opens and closes with its caller's permissions."""
    key = around.keys.get(closed)
    for action in actions if key is not None else ():
        yield Need(action, key, {"kms:ViaService": f"{service}.{around.region}.amazonaws.com"})


def _named_by_arn(params: Mapping[str, Any]) -> str | None:
    """The resource, where the call names one by its ARN."""
    return next((value for value in params.values() if isinstance(value, str) and value.startswith("arn:")), None)


READERS: Mapping[str, Callable[[Call, Surroundings], Iterator[Need]]] = {
    "s3": _s3,
    "sqs": _sqs,
    "dynamodb": _dynamodb,
    "sagemaker-runtime": _sagemaker_runtime,
    "apigateway": _apigateway,
    "cloudwatch": _cloudwatch,
}
