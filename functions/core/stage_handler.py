"""SQS event in, partial batch failures out: how a queued stage meets Lambda."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from core.composition import Stage
from core.errors import Unavailable
from core.faults import count_fault
from core.observability import Handler, logger, metrics, traced
from core.queues import SqsQueue, StageMessage
from core.worker import backoff_s

# The receive, of the eight that a message has, at which another takes its place. However long the database is away,
# what is sound becomes no dead letter, and comes back within half a minute of its return.
RENEWED_AT = 5


def stage_handler(open_stage: Callable[[], Stage]) -> Handler:
    """A Lambda handler for the stage, which is opened once a process, at its first event."""
    stage = cache(open_stage)

    @logger.inject_lambda_context(clear_state=True)
    @traced
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        return handle_batch(event, context, run=stage().worker.run, queues=stage().queues)

    return handler


def handle_batch(
    event: dict[str, Any], context: LambdaContext, *, run: Callable[[str], None], queues: Sequence[SqsQueue]
) -> dict[str, Any]:
    """Run every message of the batch; those that failed go back to the queue, the others are done.

    `queues` are the stage's own: a message that failed only because something was away comes back to its queue after
    seconds, not after the visibility timeout, and as often as it takes. Any other failure waits that timeout out and
    ends in the dead-letter queue.
    """

    def handle(record: SQSRecord) -> None:
        try:
            run(StageMessage.model_validate_json(record.body).inspection_id)
        except Unavailable as error:
            if not _comes_again(record, queues, error):
                raise
        except Exception as error:
            logger.error("message failed", error_type=type(error).__name__)
            count_fault()
            raise

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
    return dict(answer)


def _comes_again(record: SQSRecord, queues: Sequence[SqsQueue], error: Unavailable) -> bool:
    """True where a new message took this one's place. Raises Unavailable where none can be sent."""
    received = int(record.attributes.approximate_receive_count)
    logger.warning("message goes back", code=error.code, received=received)
    queue = next((each for each in queues if each.holds(record.event_source_arn)), None)
    if queue is None:
        return False
    if received < RENEWED_AT:
        queue.return_message(record.receipt_handle, after_s=backoff_s(received))
        return False
    inspection_id = StageMessage.model_validate_json(record.body).inspection_id
    group = record.attributes.message_group_id or inspection_id
    queue.send(inspection_id, group=group, delay_s=backoff_s(received))
    return True
