"""Scheduled every minute where the service keeps hours: the endpoint is warm when it opens."""

import os
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from core.composition import open_database
from core.endpoint import Endpoint, open_endpoint
from core.observability import logger, metrics, traced
from core.service import Service
from warmup.settings import Settings
from warmup.warm import warm


@dataclass(frozen=True)
class Services:
    service: Service
    endpoint: Endpoint


@cache
def services() -> Services:
    settings = Settings.from_environment(os.environ)
    # Without a fallback: that one being awake says nothing about this one.
    return Services(Service(open_database(settings.database), settings.hours), open_endpoint(settings.endpoint))


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, bool | None]:
    found = warm(
        services().service,
        services().endpoint,
        left_s=lambda: context.get_remaining_time_in_millis() / 1000,
        sleep=time.sleep,
    )
    if found is not None:
        metrics.add_metric("EndpointWarm", "Count", int(found))
    return {"warm": found}
