"""Pairs of numbers of which one must not be more than the other. A Rule of a template can't compare numbers, so without
this AWS refuses them in the middle of a deployment (RegisterScalableTarget: MinCapacity above MaxCapacity).
"""

from collections.abc import Iterator, Mapping
from typing import Any

NOT_MORE_THAN = (("EndpointInstanceCount", "EndpointInstanceLimit"), ("FargateMinTasks", "FargateMaxTasks"))


def out_of_order(values: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The pairs that are the wrong way around, least and most, and a line that says so. What is no number is skipped:
    that is another complaint's."""
    for least, most in NOT_MORE_THAN:
        try:
            wrong = float(values[least]) > float(values[most])
        except (KeyError, ValueError):
            continue
        if wrong:
            yield least, most, f"{least} ({values[least]}) must not be more than {most} ({values[most]})"
