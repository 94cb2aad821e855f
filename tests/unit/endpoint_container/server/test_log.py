"""Log lines: one JSON object each, and nothing of an exception's message."""

import json
import logging

from server.log import JsonFormatter

SECRET = "marzipan-4711"


def test_an_exception_is_logged_by_type_and_place() -> None:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "failed", None, (type(error), error, None))
        record.exc_info = (type(error), error, error.__traceback__)

    line = json.loads(JsonFormatter().format(record))

    assert (line["level"], line["event"], line["error"]) == ("ERROR", "failed", "ValueError")
    assert line["at"].startswith("server/test_log.py:")
    assert SECRET not in str(line)
    assert "Traceback" not in str(line)
