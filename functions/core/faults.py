"""Bugs that were caught and answered for, counted by the version of the code that has them.

Lambda counts as an error only what a handler raises. A route that answers 500 and a message that goes back to its queue
are successes to it, so what a canary is judged by is counted here.
"""

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

from core import observability


def count_fault() -> None:
    """One more of the metric `Faults`, by service and version, which the alarms in template.yaml watch."""
    dimensions = {"service": observability.logger.service, "version": observability.VERSION}
    with single_metric(name="Faults", unit=MetricUnit.Count, value=1, default_dimensions=dimensions):
        pass
