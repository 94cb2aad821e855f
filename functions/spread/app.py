"""Worker: messages from the spread queue, each a batch that is due."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from core import aws
from core.accept import Accept
from core.batch_objects import S3BatchObjects
from core.batch_queue import BatchMessage, SqsBatchQueue
from core.composition import open_database, open_handover, open_photo_sources
from core.delivery_nudge import DeliveryNudge
from core.endings import Endings
from core.inspection_records import InspectionRecords
from core.observability import logger, metrics, traced
from core.service import Service
from core.states import State
from core.storage import S3ObjectStore
from core.usage import UsageRecords
from spread.batch_work import BatchWork
from spread.read import ReadLines
from spread.results import Results
from spread.settings import Settings
from spread.spread import Spread

LEAVE_MS = 20_000  # for the line, or the page of results, that is under way when time is up


@cache
def worker() -> Spread:
    settings = Settings.from_environment(os.environ)
    database = open_database(settings.database)
    records = InspectionRecords(database)
    work = BatchWork(database, settings.lease_s)
    objects = S3BatchObjects(aws.s3(), settings.bucket)
    handover = open_handover(database, {State.ACCEPTED: settings.precheck_queue_urls})
    nudge = DeliveryNudge(database, aws.impatient_sqs, settings.notify_queue_url)
    accept = Accept(
        records,
        S3ObjectStore(aws.s3(), settings.bucket),
        handover,
        Service(database, settings.hours),
        open_photo_sources(settings.photos, settings.bucket),
        nudge.after_end,
    )
    return Spread(
        work=work,
        read=ReadLines(work, accept, UsageRecords(database), objects),
        endings=Endings(database),
        results=Results(work, records, objects),
        objects=objects,
        queue=SqsBatchQueue(aws.sqs(), settings.spread_queue_url),
        on_ends=nudge,
    )


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    def more_time() -> bool:
        return bool(context.get_remaining_time_in_millis() > LEAVE_MS)

    def handle(record: SQSRecord) -> None:
        try:
            worker().run(BatchMessage.model_validate_json(record.body).batch_id, more_time)
        except Exception as error:
            # It comes back after the visibility timeout; where its batch is due before, the sweeper sends another.
            logger.error("message failed", error_type=type(error).__name__)
            raise

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
    return dict(answer)
