"""Scheduled every minute, and whenever a stage says that something waits: send what is due."""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from core.composition import open_database
from core.observability import logger, metrics, traced
from core.outward import Outward
from notify.deliver import Post, deliver
from notify.deliveries import Deliveries
from notify.post import OutwardPost
from notify.settings import Settings


@dataclass(frozen=True)
class Services:
    deliveries: Deliveries
    post: Post


@cache
def services() -> Services:
    settings = Settings.from_environment(os.environ)
    deliveries = Deliveries(open_database(settings.database), settings.lease_s)
    return Services(deliveries, OutwardPost(Outward(settings.local_places)))


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A message from the queue says nothing, so all of a batch are done when the round is."""
    found = deliver(services().deliveries, services().post, lambda: context.get_remaining_time_in_millis() / 1000)
    if "Records" not in event:
        services().deliveries.forget()
        metrics.add_metric("OldestWebhookOverdue", "Seconds", services().deliveries.overdue_s())
    metrics.add_metric("WebhooksDelivered", "Count", found.delivered)
    metrics.add_metric("WebhookAttemptsFailed", "Count", found.failed)
    metrics.add_metric("WebhooksDead", "Count", found.dead)
    metrics.add_metric("WebhookEndpointsDisabled", "Count", found.disabled)
    return {"batchItemFailures": [], "delivered": found.delivered, "failed": found.failed, "dead": found.dead}
