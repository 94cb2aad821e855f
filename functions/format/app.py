"""Format worker: messages from the format queue."""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from core import aws
from core.composition import open_database
from core.handover import Handover
from core.observability import logger, metrics, traced
from core.queues import SqsQueue
from core.stage_handler import handle_batch
from core.states import State
from core.storage import S3ObjectStore
from core.work_records import WorkRecords
from core.worker import StageWorker
from format.format import Format
from format.settings import Settings


@dataclass(frozen=True)
class Services:
    worker: StageWorker
    queue: SqsQueue


@cache
def services() -> Services:
    settings = Settings.from_environment(os.environ)
    database = open_database(settings.database)
    queue = SqsQueue(aws.sqs(), settings.format_queue_url)
    worker = StageWorker(
        takes=State.INFERRED,
        work=Format(S3ObjectStore(aws.s3(), settings.bucket)),
        records=WorkRecords(database),
        handover=Handover(database, {State.INFERRED: queue}),
        settings=settings.worker,
    )
    return Services(worker, queue)


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return handle_batch(event, context, run=services().worker.run, queue=services().queue)
