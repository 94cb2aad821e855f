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
from core.worker import jittered_s

# A message has eight receives before it is a dead letter. Together these are half an hour, the time of a failover that
# goes wrong. What has waited long is not waited for: once the database is back the sweeper sends a message of its own.
BACK_AFTER_S = (2, 4, 8, 16, 32, 120, 600, 1200)


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
    seconds, not after the visibility timeout. Any other failure waits that timeout out and ends in the dead-letter
    queue.
    """

    def handle(record: SQSRecord) -> None:
        try:
            run(StageMessage.model_validate_json(record.body).inspection_id)
        except Unavailable as error:
            received = int(record.attributes.approximate_receive_count)
            logger.warning("message goes back", code=error.code, received=received)
            for queue in queues:
                if queue.holds(record.event_source_arn):
                    queue.return_message(record.receipt_handle, after_s=back_after_s(received))
            raise
        except Exception as error:
            logger.error("message failed", error_type=type(error).__name__)
            count_fault()
            raise

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
    return dict(answer)


def back_after_s(received: int) -> int:
    """Whole seconds until a message that was received so often, because something was away, comes back."""
    return jittered_s(BACK_AFTER_S[min(received, len(BACK_AFTER_S)) - 1])
