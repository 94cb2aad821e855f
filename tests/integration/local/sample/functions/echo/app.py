"""Answers with its event, or misbehaves as the body asks."""

import json
import os
import time


def handler(event, context):
    if event.get("act") is None and event.get("body") and not event.get("isBase64Encoded"):
        try:
            asked = json.loads(event["body"])
        except ValueError:
            asked = {}
        act = asked.get("act") if isinstance(asked, dict) else None
    else:
        asked, act = event, event.get("act")
    if act == "sleep":
        time.sleep(asked["seconds"])
    if act == "raise":
        raise ValueError("as asked")
    if act == "exit":
        os._exit(7)
    if act == "allocate":
        hold = bytearray(asked["megabytes"] << 20)
        hold[::4096] = b"x" * len(hold[::4096])
    if act == "large":
        return "x" * (7 << 20)
    if act == "malformed":
        return {"status": 200}
    if act == "environment":
        return dict(os.environ)
    if act == "send":
        import boto3

        boto3.client("sqs").send_message(
            QueueUrl=os.environ["STEP_QUEUE_URL"], MessageBody=json.dumps(asked["message"])
        )
    if act == "call":
        return call(asked)
    if "requestContext" not in event:
        return {"pid": os.getpid(), "remaining_ms": context.get_remaining_time_in_millis()}
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json", "x-one": "1"},
        "multiValueHeaders": {"x-many": ["a", "b"]},
        "body": json.dumps(event),
    }


def call(asked):
    """The error's code and HTTP status, or None; `operation` is a method of the service's boto3 client."""
    import boto3
    from botocore.exceptions import ClientError

    try:
        getattr(boto3.client(asked["service"]), asked["operation"])(**asked["arguments"])
    except ClientError as error:
        answer = error.response
        return [answer["Error"]["Code"], answer["ResponseMetadata"].get("HTTPStatusCode")]
    return None
