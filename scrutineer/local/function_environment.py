"""A function's variables: the template's, with what differs on one machine in their place."""

from collections.abc import Mapping

from scrutineer.database_address import Connection
from scrutineer.local.settings import StackSettings
from scrutineer.local.template_model import FunctionSpec


def function_environment(
    spec: FunctionSpec,
    settings: StackSettings,
    *,
    services_url: str,
    queues_url: str,
    sagemaker_runtime_url: str,
    database: Connection,
    role: Mapping[str, str],
) -> dict[str, str]:
    """Later ones win: the template, the local addresses, the settings for all functions, those for this one.

    `role` is what holds the function's calls to its role.
    """
    return {
        **spec.environment,
        "AWS_ENDPOINT_URL": services_url,
        "AWS_ENDPOINT_URL_SQS": queues_url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": sagemaker_runtime_url,
        # There is no X-Ray daemon to send to.
        "POWERTOOLS_TRACE_DISABLED": "true",
        # This machine's own way out is the functions' as well.
        **({"HTTPS_PHOTOS": "true"} if "HTTPS_PHOTOS" in spec.environment else {}),
        **_database(spec.environment, database),
        # Layers are not unpacked here: the migrations are read where they lie.
        **({"SCHEMA_FOLDER": str(settings.migrations)} if "SCHEMA_FOLDER" in spec.environment else {}),
        **role,
        **settings.environment,
        **settings.function_environment.get(spec.logical_id, {}),
    }


def _database(template: Mapping[str, str], database: Connection) -> dict[str, str]:
    """Only for functions that have a database. The password is for those that sign in through the proxy: the one that
    signs in to the database itself has secrets to read.
    """
    if "DATABASE_HOST" not in template:
        return {}
    local = {
        "DATABASE_HOST": database.host,
        "DATABASE_PORT": str(database.port),
        "DATABASE_NAME": database.name,
        "DATABASE_USER": database.user,
        # RDS Proxy's IAM sign-in and TLS have no counterpart here.
        "DATABASE_AUTH": "password",
        "DATABASE_TLS": "false",
    }
    return {
        **{name: value for name, value in local.items() if name in template},
        **({"DATABASE_PASSWORD": database.password} if "DATABASE_AUTH" in template else {}),
    }
