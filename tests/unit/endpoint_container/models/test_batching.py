"""Inspections scored together equal the same ones scored alone, and none can harm another."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import EndpointError
from models.inspection import Inspection, InspectionResult, check_answers
from models.interface import BatchRunner, ModelOptions
from models.internvl import inspector as inspector_module
from models.internvl.encoding import EncodedPrompt, EncodedQuestion
from models.internvl.grouping import MAX_PADDING, Start, group_prompts
from models.internvl.loaded import InternVL
from models.internvl.loader import load

TOLERANCE = 1e-4
MB = 1024 * 1024
INSPECTIONS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 5), min_size=1, max_size=4),
        st.sampled_from([None, 2, 4]),
        st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=3, unique=True),
        st.sampled_from(["shoe", "a red shirt with a label, size M, as ordered"]),
    ),
    min_size=1,
    max_size=5,
)


@pytest.fixture(scope="session")
def caching(checkpoint: Path) -> InternVL:
    """The tiny model with both caches on; they stay warm from one example to the next."""
    return load(ModelOptions(checkpoint, threads=1, device="cpu", photo_cache_bytes=MB, prefix_cache_bytes=MB))


@pytest.mark.parametrize("cached", [False, True])
def test_together_equals_alone(
    internvl: InternVL, caching: InternVL, inspection: Callable[..., Inspection], cached: bool
) -> None:
    plain, other = internvl.inspector, (caching if cached else internvl).inspector

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(INSPECTIONS)
    def check(mix: list[tuple[list[int], int | None, list[int], str]]) -> None:
        requests = []
        for seeds, max_tiles, asked, description in mix:
            request = inspection(*seeds, description=description, max_tiles=max_tiles)
            requests.append(replace(request, questions=tuple(request.questions[number] for number in asked)))
        together = other.run_batch([other.prepare(request) for request in requests])
        for request, result in zip(requests, together, strict=True):
            check_answers(request.questions, result.answers)
            assert furthest(result, plain.run(plain.prepare(request))) <= TOLERANCE

    check()


def test_many_groups_equal_one(
    internvl: InternVL, inspection: Callable[..., Inspection], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = [internvl.inspector.prepare(inspection(*range(count))) for count in (1, 2, 1, 3)]
    whole = internvl.inspector.run_batch(prepared)
    monkeypatch.setattr(inspector_module, "LANGUAGE_TOKENS", 1)
    assert all(
        furthest(one, other) <= TOLERANCE
        for one, other in zip(whole, internvl.inspector.run_batch(prepared), strict=True)
    )


@given(st.lists(st.tuples(st.integers(1, 400), st.sampled_from([(0, ()), (1, (7,)), (1, (8,)), (3, ())])), min_size=1))
def test_groups_hold_every_prompt_once_within_the_limits(sizes: list[tuple[int, Start]]) -> None:
    question = EncodedQuestion((1,) * 20, (1, 2))
    prompts = [EncodedPrompt((7, *[9] * length), (question,), shared=1, shown=2) for length, _ in sizes]
    groups = group_prompts(prompts, [start for _, start in sizes], max_tokens=1000)
    assert sorted(index for group in groups for index in group) == list(range(len(prompts)))
    for group in groups:
        lengths = [len(prompts[index].prefix) for index in group]
        padded = len(group) * max(lengths)
        assert padded - sum(lengths) <= MAX_PADDING * padded
        assert len(group) == 1 or len(group) * (max(lengths) + 20) <= 1000
        assert len({sizes[index][1] for index in group}) == 1


def test_nan_in_one_request_stays_there(internvl: InternVL, inspection: Callable[..., Inspection]) -> None:
    inspector = internvl.inspector
    good, bad = inspector.prepare(inspection(1, 2)), inspector.prepare(inspection(3, 4))
    seen = torch.full((4, 32), float("nan"))
    spoiled = replace(bad, photos=(replace(bad.photos[0], tiles=None, features=seen), bad.photos[1]))

    results = inspector.run_batch([good, spoiled, good])

    for result in (results[0], results[2]):
        assert furthest(result, inspector.run(good)) <= TOLERANCE
    with pytest.raises(EndpointError, match="model_output_invalid"):
        check_answers(bad.questions, results[1].answers)


def test_the_cost_is_what_the_usage_says(internvl: InternVL, inspection: Callable[..., Inspection]) -> None:
    prepared = internvl.inspector.prepare(inspection(1, 2, max_tiles=4))
    usage = internvl.inspector.run(prepared).usage
    cost = internvl.inspector.cost(prepared)
    assert (cost.tokens, cost.tiles) == (usage.prompt_tokens, usage.tiles)
    assert isinstance(internvl.tasks["inspect"], BatchRunner)


def furthest(one: InspectionResult, other: InspectionResult) -> float:
    """Largest difference between the probabilities of two results."""
    return max(
        abs(mine.probabilities[name] - theirs.probabilities[name])
        for mine, theirs in zip(one.answers, other.answers, strict=True)
        for name in mine.probabilities
    )
