"""A client's flood delays that client, not its neighbours: the local stack's own queues and pollers, a stub model."""

from benchmarks.fairness import measure
from benchmarks.report import percentile


def test_a_neighbours_flood_is_hardly_noticed():
    quiet = percentile(measure(50, flooded=False, fair=True), 0.99)
    flooded = percentile(measure(50, flooded=True, fair=True), 0.99)
    assert flooded < 1.5 * quiet


def test_without_groups_it_would_be():
    quiet = percentile(measure(10, flooded=False, fair=True), 0.99)
    flooded = percentile(measure(2, flooded=True, fair=False), 0.99)
    assert flooded > 3 * quiet
