"""What every test of the functions starts from: no metrics left over from the test before."""

import io
import logging
import os
from collections.abc import Iterator

import pytest

# Powertools reads its names when core.observability is imported, which is before any fixture could run.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Test")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")


@pytest.fixture(autouse=True)
def no_metrics_left() -> Iterator[None]:
    from core.observability import metrics

    yield
    metrics.clear_metrics()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the functions log while the test runs."""
    from core.observability import logger

    handler = logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    before = handler.setStream(stream)
    yield stream
    handler.setStream(before)
