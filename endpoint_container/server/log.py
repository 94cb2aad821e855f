"""One JSON object a line on stdout: CloudWatch queries its fields. Nothing that a client sent belongs in a line."""

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import PurePath

LOGGER = logging.getLogger("endpoint")


class JsonFormatter(logging.Formatter):
    """Time, level, event and the event's fields. Of an exception only its type and place: messages quote data."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "event": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line |= describe(record.exc_info[1])
        return json.dumps(line, default=str)


def configure_logging() -> None:
    """Send every logger of the process, uvicorn's included, to stdout as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(True)
    # Each of our requests already has a line of its own.
    logging.getLogger("uvicorn.access").disabled = True


def log(event: str, level: int = logging.INFO, **fields: object) -> None:
    """Write one line."""
    LOGGER.log(level, event, extra={"fields": fields})


def describe(error: BaseException) -> dict[str, object]:
    """An exception's type and the line that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return {"error": type(error).__name__}
    path = PurePath(trace.tb_frame.f_code.co_filename)
    return {"error": type(error).__name__, "at": f"{path.parent.name}/{path.name}:{trace.tb_lineno}"}
