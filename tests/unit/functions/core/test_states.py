"""The state machine: every path ends, and what has ended stays."""

from hypothesis import given
from hypothesis import strategies as st

from core.states import FAILURES, FINAL, STEPS, VERDICTS, State, can_step

states = st.sampled_from(State)


def test_every_state_has_its_steps() -> None:
    assert set(STEPS) == set(State)
    assert VERDICTS.isdisjoint(FAILURES)
    assert set(State) - FINAL == {State.ACCEPTED, State.PRECHECKED, State.INFERRED}


@given(st.lists(states, min_size=1, max_size=8))
def test_no_path_leaves_a_final_state(wishes: list[State]) -> None:
    state, ended_as = State.ACCEPTED, None
    for wish in wishes:
        if can_step(state, wish):
            assert ended_as is None
            state = wish
            ended_as = state if state in FINAL else None
    assert ended_as in (None, state)


@given(states, states)
def test_steps_never_lead_back(start: State, end: State) -> None:
    order = [State.ACCEPTED, State.PRECHECKED, State.INFERRED]
    if can_step(start, end):
        assert start not in FINAL
        assert end in FINAL or order.index(end) == order.index(start) + 1


@given(states)
def test_a_verdict_needs_answers(start: State) -> None:
    reaches_verdict = any(can_step(start, verdict) for verdict in VERDICTS)
    assert reaches_verdict == (start is State.INFERRED)


def test_photos_are_rejected_before_the_model_only() -> None:
    assert [state for state in State if can_step(state, State.REJECTED)] == [State.ACCEPTED]
