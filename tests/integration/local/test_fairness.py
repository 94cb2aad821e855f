"""A client's flood delays that client, not its neighbours: the local stack's own queues and pollers, a stub model.

Told by who is served before whom, since milliseconds are also the machine's; `benchmarks.fairness` measures those.
"""

from benchmarks.fairness import STAGES, measure

AT_ONCE = STAGES[1].concurrency


def test_a_neighbours_flood_is_hardly_noticed():
    # Those that the pollers had already taken when the victim's message came.
    assert max(each.ahead for each in measure(40, flooded=True, fair=True)) <= AT_ONCE


def test_without_groups_it_would_be():
    assert min(each.ahead for each in measure(2, flooded=True, fair=False)) > 4 * AT_ONCE
