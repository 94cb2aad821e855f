"""Which KMS key closes what: objects, messages and items are opened with their reader's permissions on it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scrutineer.local.template_model import ACCOUNT, REGION
from scrutineer.local.template_resources import Resources


def closing_keys(resources: Resources) -> dict[str, str]:
    """The key's ARN by the ARN of each bucket, queue and table that has one of this account's keys."""
    return dict(_keys(resources))


def _keys(resources: Resources) -> Iterator[tuple[str, str]]:
    for logical_id, resource in resources.written.items():
        named = KEYS.get(resource["Type"])
        if named is None or not resources.exists(logical_id):
            continue
        key = resources.resolve(named(resource.get("Properties") or {}))
        # A key of AWS's own, alias/aws/…, lets every caller in the account use it.
        if key and not key.startswith("alias/"):
            arn = key if key.startswith("arn:") else f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"
            yield resources.attributes.get_att(logical_id, "Arn"), arn


def _bucket_key(properties: Mapping[str, Any]) -> Any:
    rules = (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or [{}]
    return (rules[0].get("ServerSideEncryptionByDefault") or {}).get("KMSMasterKeyID")


KEYS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "AWS::S3::Bucket": _bucket_key,
    "AWS::SQS::Queue": lambda properties: properties.get("KmsMasterKeyId"),
    "AWS::DynamoDB::Table": lambda properties: (properties.get("SSESpecification") or {}).get("KMSMasterKeyId"),
}
