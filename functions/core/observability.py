"""One logger, metric set and tracer a function, with the names everybody searches for.

What is logged is named field by field: an event, a body or an exception's arguments are never logged whole, so
photos, keys and item texts stay out.
"""

import os
import warnings
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import EphemeralMetrics

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

# Of the process itself, as Lambda and the template say before it starts.
VERSION = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
SETTINGS_VERSION = os.environ.get("SETTINGS_VERSION", "")
# They tell a canary's lines from those of the version before it.
logger = Logger(log_record_order=["level", "message"], utc=True, version=VERSION, settings=SETTINGS_VERSION)
metrics = Metrics()
# Most requests have nothing to count; Powertools would say so on standard error each time.
warnings.filterwarnings("ignore", message="No application metrics to publish")


def publish(
    dimensions: Mapping[str, str], values: Mapping[str, tuple[str, float]], fields: Mapping[str, Any] | None = None
) -> None:
    """Metrics with dimensions of their own, each a unit and a value, at once and in a line of their own.

    What is added to `metrics` shares one set of dimensions with all else that the call counts, so a dimension that is
    one message's would be told of the whole batch. `fields` stand in the line, for searching, and make no metric.
    """
    # Without a service: what is counted is the same whichever function counts it.
    own = EphemeralMetrics(service="", default_dimensions=dict(dimensions))
    for name, (unit, value) in values.items():
        own.add_metric(name, unit, value)
    for name, field in (fields or {}).items():
        own.add_metadata(name, field)
    own.flush_metrics()


def traced(handler: Handler) -> Handler:
    """A subsegment in X-Ray around the handler; its answer is not recorded.

    The X-Ray SDK takes longer to import than all the rest of a function together (it brings botocore with it), so it is
    loaded at the first call, and not at all where POWERTOOLS_TRACE_DISABLED says so.
    """

    @wraps(handler)
    def with_tracing(event: dict[str, Any], context: Any) -> dict[str, Any]:
        if os.environ.get("POWERTOOLS_TRACE_DISABLED", "").lower() in ("1", "true"):
            return handler(event, context)
        traced_handler: Handler = _tracer().capture_lambda_handler(handler, capture_response=False)
        return traced_handler(event, context)

    return with_tracing


@cache
def _tracer() -> Any:
    from aws_lambda_powertools import Tracer

    return Tracer(auto_patch=False)


def where(error: BaseException) -> str:
    """File and line of the deepest frame: enough to find a bug, without the values a traceback may carry."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "unknown"
