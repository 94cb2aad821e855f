"""Asks a deployed stack's `MigrateFunction` what only an operator may: to migrate, to make the first admin."""

import json
from collections.abc import Mapping
from typing import Any

from scrutineer.errors import UserError

FUNCTION = "MigrateFunction"
LONGEST_S = 910  # the function's own time, and a little


def ask(stack: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """The function's answer. Signs with the AWS credentials that boto3 finds, and logs nothing: it may hold a key.

    Raises UserError for a stack that is not there, what IAM refuses, and what the function refuses.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    # Asked once: a second try of an invocation that was only slow would do its work twice.
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=LONGEST_S)
    try:
        found = boto3.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=FUNCTION)
        done = boto3.client("lambda", config=config).invoke(
            FunctionName=found["StackResourceDetail"]["PhysicalResourceId"], Payload=json.dumps(event).encode()
        )
        answer: dict[str, Any] = json.loads(done["Payload"].read())
    except (BotoCoreError, ClientError) as error:
        raise UserError(f"The stack {stack} can't be asked: {error}") from error
    if done.get("FunctionError"):
        raise UserError(f"{FUNCTION} of {stack} failed ({answer.get('errorType', 'no type')}); see its log.")
    if "problem" in answer:
        raise UserError(answer["problem"]["detail"])
    return answer
