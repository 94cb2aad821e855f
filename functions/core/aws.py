"""boto3 clients, made on first use: importing boto3 and making a client cost 250 ms that a cold start may not need."""

from functools import cache
from typing import Any


@cache
def s3() -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        config=Config(
            retries={"mode": "standard", "max_attempts": 3},
            max_pool_connections=16,
            # Else boto3 signs uploads for the address of all regions, which a new bucket answers with a redirect, and
            # in some regions by version 2, which no bucket with a KMS key takes.
            s3={"addressing_style": "virtual"},
            signature_version="s3v4",
        ),
    )


@cache
def sqs() -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client("sqs", config=Config(retries={"mode": "standard", "max_attempts": 3}))


@cache
def impatient_sqs() -> Any:
    """Without retries, for a word that nobody depends on: whoever says it has other work to do."""
    import boto3
    from botocore.config import Config

    return boto3.client("sqs", config=Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=1))


@cache
def dynamodb() -> Any:
    """Impatient and without retries: a reader waits for it, and a writer has the schedule behind it."""
    import boto3
    from botocore.config import Config

    return boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=1))


@cache
def api_gateway() -> Any:
    """Its control plane, which refuses more than some calls a second: what fails here is mended by the schedule."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "apigateway",
        config=Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=1, read_timeout=5),
    )


@cache
def secrets_manager() -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "secretsmanager",
        config=Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=3, read_timeout=10),
    )


def database_token(host: str, port: int, user: str) -> str:
    """An IAM sign-in token for RDS Proxy: a presigned request, made without any call, valid for 15 minutes."""
    import boto3

    token: str = boto3.client("rds").generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user)
    return token
