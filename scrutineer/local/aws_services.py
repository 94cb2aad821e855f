"""S3, Secrets Manager and the other AWS services, but for SQS: a moto server in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scrutineer.local.ports import HOST, wait_until_open
from scrutineer.local.processes import Processes
from scrutineer.local.template_model import ACCOUNT, REGION, Template

CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": REGION}


class AwsServices:
    """Listens on `port` of 127.0.0.1; keeps everything in memory."""

    def __init__(self, port: int, *, processes: Processes, log_path: Path) -> None:
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self._processes = processes
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self._log_path, "ab") as log:
            self._process = process = self._processes.start(
                [sys.executable, "-m", "scrutineer.local.moto_process", str(self.port)],
                cwd=self._log_path.parent,
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "HOME": str(self._log_path.parent),
                    "MOTO_ACCOUNT_ID": ACCOUNT,
                    "AWS_DEFAULT_REGION": REGION,
                    # Else every page may read every answer.
                    "MOTO_DISABLE_GLOBAL_CORS": "true",
                    **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
                },
                output=log,
            )
        wait_until_open(self.port, limit_s=30, what="the AWS services (moto)", alive=lambda: process.poll() is None)

    def create(self, template: Template) -> None:
        """Makes the template's buckets, tables, secrets and parameters."""
        with ThreadPoolExecutor(3) as pool:
            for done in [
                pool.submit(self._create_buckets, template),
                pool.submit(self._create_tables, template),
                pool.submit(self._create_texts, template),
            ]:
                done.result()

    def stop(self) -> None:
        if self._process:
            self._processes.end(self._process, grace_s=0)

    def _create_buckets(self, template: Template) -> None:
        if not template.buckets:
            return
        s3 = make_client("s3", self.url)
        for bucket in template.buckets.values():
            s3.create_bucket(Bucket=bucket.name, CreateBucketConfiguration={"LocationConstraint": REGION})
            if bucket.versioned:
                s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
            if bucket.cors:
                s3.put_bucket_cors(Bucket=bucket.name, CORSConfiguration={"CORSRules": list(bucket.cors)})

    def _create_tables(self, template: Template) -> None:
        if not template.tables:
            return
        client = make_client("dynamodb", self.url)
        for table in template.tables.values():
            client.create_table(TableName=table.name, **table.definition)
            if table.ttl_attribute is not None:
                ttl = {"Enabled": True, "AttributeName": table.ttl_attribute}
                client.update_time_to_live(TableName=table.name, TimeToLiveSpecification=ttl)

    def create_secrets(self, values: Mapping[str, str]) -> None:
        """Secrets by their names."""
        client = make_client("secretsmanager", self.url)
        for name, value in values.items():
            client.create_secret(Name=name, SecretString=value)

    def _create_texts(self, template: Template) -> None:
        if template.secrets:
            self.create_secrets({secret.name: secret.value for secret in template.secrets})
        if template.parameters:
            client = make_client("ssm", self.url)
            for parameter in template.parameters:
                client.put_parameter(Name=parameter.name, Value=parameter.value, Type="String")


def make_client(service: str, url: str) -> Any:
    """A boto3 client; thread-safe, as boto3's clients are. Retries are off: a failure here is to be seen."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"total_max_attempts": 1}, read_timeout=75)
    return boto3.Session(**CREDENTIALS).client(service, endpoint_url=url, config=config)
