"""Notes each tick in the bucket."""

import json
import os

import boto3


def handler(event, context):
    boto3.client("s3").put_object(
        Bucket=os.environ["BUCKET"], Key=f"ticks/{event['id']}", Body=json.dumps(event).encode()
    )
