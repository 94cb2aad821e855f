"""Machines that sign their requests: IAM users of the local stack, as the AWS command line would make them."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class Machine(NamedTuple):
    arn: str
    access_key_id: str
    secret: str


def create_machine(iam: Any, name: str, policy: Mapping[str, Any]) -> Machine:
    """`iam` is a boto3 client, `policy` an IAM policy document. Raises its `EntityAlreadyExistsException`."""
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Machine(arn, key["AccessKeyId"], key["SecretAccessKey"])
