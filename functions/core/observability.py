"""One logger, tracer and metric namespace a function, with the names everybody searches for.

What is logged is named field by field: an event, a body or an exception's arguments are never logged whole, so
photos, keys and item texts stay out.
"""

from aws_lambda_powertools import Logger, Metrics, Tracer

__all__ = ["Logger", "Metrics", "Tracer", "logger", "metrics", "tracer", "where"]

logger = Logger(log_record_order=["level", "message"], utc=True)
tracer = Tracer(auto_patch=False)
metrics = Metrics()


def where(error: BaseException) -> str:
    """File and line of the deepest frame: enough to find a bug, without the values a traceback may carry."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "unknown"
