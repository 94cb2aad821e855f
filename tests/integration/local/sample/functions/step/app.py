"""Notes each message in the bucket; fails those that ask for it."""

import json
import os
import time

import boto3

s3 = boto3.client("s3")


def handler(event, context):
    failed = []
    for record in event["Records"]:
        message = json.loads(record["body"])
        if message.get("crash"):
            os._exit(1)
        if message.get("sleep_s"):
            time.sleep(message["sleep_s"])
        seen = {"at": time.time(), "receive_count": record["attributes"]["ApproximateReceiveCount"], "record": record}
        s3.put_object(
            Bucket=os.environ["BUCKET"], Key=f"{message['name']}/{record['messageId']}", Body=json.dumps(seen).encode()
        )
        if message.get("fail"):
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
