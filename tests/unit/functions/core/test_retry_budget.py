"""What may be done again, over a clock that only moves when told."""

from hypothesis import given
from hypothesis import strategies as st

from core.retry_budget import FLOOR_PER_S, MOST_TOKENS, SHARE, RetryBudget
from tests.fakes.clock import FakeClock


def spent(budget: RetryBudget, tries: int) -> int:
    return sum(budget.spend() for _ in range(tries))


def test_begins_full_and_ends_empty() -> None:
    assert spent(RetryBudget(FakeClock().now), 100) == MOST_TOKENS


def test_first_attempts_earn_a_share() -> None:
    budget = RetryBudget(FakeClock().now)
    spent(budget, 100)
    for _ in range(round(3 / SHARE)):
        budget.earn()
    assert spent(budget, 100) in (2, 3)  # a share is no exact number


def test_time_gives_a_few_so_that_what_is_left_is_done_in_the_end() -> None:
    clock = FakeClock()
    budget = RetryBudget(clock.now)
    spent(budget, 100)
    clock.sleep(1.5 / FLOOR_PER_S)
    assert spent(budget, 100) == 1
    clock.sleep(1_000_000)
    assert spent(budget, 100) == MOST_TOKENS, "no more is saved up"


def test_what_came_to_nothing_is_given_back() -> None:
    budget = RetryBudget(FakeClock().now)
    for _ in range(100):
        assert budget.spend()
        budget.give_back()


@given(st.lists(st.sampled_from(["first", "again", "second passes"]), max_size=400))
def test_never_more_than_the_share_and_the_floor(happened: list[str]) -> None:
    clock = FakeClock()
    budget = RetryBudget(clock.now)
    first = again = seconds = 0
    for each in happened:
        if each == "first":
            budget.earn()
            first += 1
        elif each == "again":
            again += budget.spend()
        else:
            clock.sleep(1)
            seconds += 1
        assert again <= MOST_TOKENS + SHARE * first + FLOOR_PER_S * seconds + 1e-6
