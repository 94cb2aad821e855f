"""Scheduled every minute: end what is past its time to live, put stuck inspections back on their way, let go what was
held until the service opens; and say how much is under way.
"""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from core import aws
from core.batch_queue import SqsBatchQueue
from core.composition import open_database, open_handover
from core.database import Database
from core.delivery_nudge import DeliveryNudge
from core.endings import Endings
from core.handover import Handover
from core.held_records import HeldRecords
from core.observability import logger, metrics, traced
from core.service import Service
from core.states import State
from sweeper.expire import expire_overdue
from sweeper.release import release
from sweeper.settings import Settings
from sweeper.stuck_batches import StuckBatches
from sweeper.stuck_records import StuckRecords
from sweeper.sweep import sweep
from sweeper.unfinished import look


@dataclass(frozen=True)
class Services:
    settings: Settings
    database: Database
    endings: Endings
    records: StuckRecords
    held: HeldRecords
    handover: Handover
    batches: StuckBatches
    nudge: DeliveryNudge


@cache
def services() -> Services:
    settings = Settings.from_environment(os.environ)
    database = open_database(settings.database)
    handover = open_handover(
        database,
        {
            State.ACCEPTED: settings.precheck_queue_urls,
            State.PRECHECKED: settings.invoke_queue_urls,
            State.INFERRED: settings.format_queue_urls,
        },
    )
    held = HeldRecords(database, Service(database, settings.hours))
    batches = StuckBatches(database, SqsBatchQueue(aws.sqs(), settings.spread_queue_url))
    nudge = DeliveryNudge(database, aws.impatient_sqs, settings.notify_queue_url)
    return Services(settings, database, Endings(database), StuckRecords(database), held, handover, batches, nudge)


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    settings = services().settings
    # First, so that none of these is sent again.
    expired = expire_overdue(services().endings)
    swept = sweep(
        services().records,
        services().handover,
        after_s=settings.sweep_after_s,
        max_attempts=settings.max_attempts,
    )
    if expired or swept.given_up:
        services().nudge()
    batches = services().batches.send_again(settings.sweep_after_s)
    released = release(services().held, services().handover, at_most=settings.held_per_minute)
    metrics.add_metric("InspectionsExpired", "Count", expired)
    metrics.add_metric("InspectionsSweptUp", "Count", swept.sent)
    metrics.add_metric("InspectionsGivenUp", "Count", swept.given_up)
    metrics.add_metric("InspectionsReleased", "Count", released)
    metrics.add_metric("BatchesSweptUp", "Count", batches)
    unfinished = look(services().database)
    metrics.add_metric("InteractiveUnfinished", "Count", unfinished.interactive)
    metrics.add_metric("BulkUnfinished", "Count", unfinished.bulk)
    metrics.add_metric("OldestInteractive", "Seconds", unfinished.oldest_s)
    metrics.add_metric("HeldNow", "Count", services().held.count(None))
    return {
        "expired": expired,
        "sent": swept.sent,
        "given_up": swept.given_up,
        "released": released,
        "batches": batches,
    }
