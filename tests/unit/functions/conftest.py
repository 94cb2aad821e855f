"""What every test of the functions starts from: no metrics left over from the test before."""

import io
import logging
from collections.abc import Iterator

import pytest


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
