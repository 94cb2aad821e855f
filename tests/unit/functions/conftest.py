"""What every test of the functions starts from: no metrics left over from the test before."""

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
