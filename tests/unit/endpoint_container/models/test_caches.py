"""What is kept is bounded, is what would be computed again, and can be turned off."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.byte_cache import ByteCache
from models.inspection import Inspection
from models.interface import CacheCounts, CachingModel, ModelOptions
from models.internvl.loaded import InternVL
from models.internvl.loader import load
from models.internvl.photo_features import photo_key
from models.photo import Photo
from tests.unit.endpoint_container.models.test_batching import TOLERANCE, furthest

MB = 1024 * 1024
# 4 tokens of 32 float32 numbers.
TILE_BYTES = 512


@pytest.fixture
def caching(checkpoint: Path) -> Callable[..., InternVL]:
    def make(photo_cache_bytes: int = MB, prefix_cache_bytes: int = MB, seen_cache_bytes: int = 0) -> InternVL:
        return load(ModelOptions(checkpoint, 1, "cpu", photo_cache_bytes, prefix_cache_bytes, seen_cache_bytes))

    return make


def inspect(model: InternVL, request: Inspection) -> Any:
    return model.inspector.run(model.inspector.prepare(request))


def test_a_cached_answer_equals_an_uncached_one(
    internvl: InternVL, caching: Callable[..., InternVL], inspection: Callable[..., Inspection]
) -> None:
    model, request = caching(), inspection(1, 2, max_tiles=4)
    first, again, fresh = inspect(model, request), inspect(model, request), inspect(internvl, request)
    assert furthest(first, fresh) <= TOLERANCE
    assert furthest(again, first) <= TOLERANCE
    assert isinstance(model, CachingModel)
    photo, prefix = model.caches["photo"], model.caches["prefix"]
    assert (photo.hits, photo.misses, photo.bytes) == (2, 2, first.usage.tiles * TILE_BYTES)
    assert (prefix.hits, prefix.misses) == (1, 1)
    assert first.usage == again.usage


def test_a_known_photo_is_not_decoded_again(
    caching: Callable[..., InternVL], inspection: Callable[..., Inspection]
) -> None:
    model, request = caching(), inspection(1, 2)
    inspect(model, request)
    prepared = model.inspector.prepare(request)
    assert all(photo.tiles is None for photo in prepared.photos)
    assert prepared.timings_ms["decode"] == 0.0


def test_what_prepare_found_outlives_its_eviction(
    internvl: InternVL, caching: Callable[..., InternVL], inspection: Callable[..., Inspection]
) -> None:
    model, request = caching(photo_cache_bytes=TILE_BYTES), inspection(1)
    inspect(model, request)
    prepared = model.inspector.prepare(request)
    inspect(model, inspection(2))
    assert model.caches["photo"].evictions == 1
    assert furthest(model.inspector.run(prepared), inspect(internvl, request)) <= TOLERANCE


def test_bytes_stay_within_the_limit(caching: Callable[..., InternVL], inspection: Callable[..., Inspection]) -> None:
    model = caching(photo_cache_bytes=3 * TILE_BYTES + 1)
    inspect(model, inspection(*range(5)))
    counts = model.caches["photo"]
    assert (counts.bytes, counts.evictions) == (3 * TILE_BYTES, 2)


def test_zero_bytes_turn_a_cache_off(internvl: InternVL, inspection: Callable[..., Inspection]) -> None:
    inspect(internvl, inspection(1, 1))
    assert dict(internvl.caches) == dict.fromkeys(("photo", "prefix", "seen"), CacheCounts(0, 0, 0, 0))


def test_nothing_but_numbers_is_kept(
    caching: Callable[..., InternVL], inspection: Callable[..., Inspection], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = caching()
    projector = model.inspector.model.model.multi_modal_projector
    monkeypatch.setattr(projector, "forward", lambda features: features[..., :32] * float("nan"))
    inspect(model, inspection(1))
    assert model.caches["photo"].bytes == 0


def test_a_key_names_all_that_features_depend_on(internvl: InternVL, photo: Callable[..., Photo]) -> None:
    preprocessing = internvl.inspector.preprocessing
    keys = {
        photo_key(photo(1), (1, 1), preprocessing, "a"),
        photo_key(photo(2), (1, 1), preprocessing, "a"),
        photo_key(photo(1), (1, 2), preprocessing, "a"),
        photo_key(photo(1), (1, 1), replace(preprocessing, rescale=1.0), "a"),
        photo_key(photo(1), (1, 1), preprocessing, "b"),
    }
    assert len(keys) == 5
    assert photo_key(replace(photo(1), id="other"), (1, 1), preprocessing, "a") in keys


def test_features_of_a_batch_are_kept_without_the_batch(
    caching: Callable[..., InternVL], inspection: Callable[..., Inspection]
) -> None:
    model = caching()
    inspect(model, inspection(1, 2, 3))
    for photo in model.inspector.prepare(inspection(1, 2, 3)).photos:
        assert isinstance(photo.features, torch.Tensor)
        assert photo.features.untyped_storage().nbytes() == TILE_BYTES


def test_photos_seen_before_are_looked_at_no_more(
    internvl: InternVL, caching: Callable[..., InternVL], inspection: Callable[..., Inspection]
) -> None:
    model, request = caching(seen_cache_bytes=MB), inspection(1, 2, max_tiles=4)
    other_item = replace(request, item={"description": "two blue shoes and a much longer text about them"})
    first, again, other = (inspect(model, each) for each in (request, request, other_item))
    assert furthest(again, first) <= TOLERANCE
    assert furthest(first, inspect(internvl, request)) <= TOLERANCE
    assert furthest(other, inspect(internvl, other_item)) <= TOLERANCE
    assert furthest(other, first) > TOLERANCE
    counts = model.caches["seen"]
    assert (counts.hits, counts.misses) == (2, 1)
    assert model.caches["photo"].hits == 0, "the vision tower was not asked for them either"
    assert first.usage == again.usage


@pytest.mark.parametrize(
    "change",
    [
        lambda request: replace(request, photos=request.photos[::-1]),
        lambda request: replace(request, photos=request.photos[:1]),
        lambda request: replace(request, max_tiles=1),
        lambda request: replace(request, questions=request.questions[:-1]),
    ],
)
def test_other_photos_order_tiles_or_checklist_are_not_those_seen(
    internvl: InternVL,
    caching: Callable[..., InternVL],
    inspection: Callable[..., Inspection],
    change: Callable[[Inspection], Inspection],
) -> None:
    model, request = caching(seen_cache_bytes=MB), inspection(1, 2, max_tiles=4)
    inspect(model, request)
    changed = change(request)
    assert furthest(inspect(model, changed), inspect(internvl, changed)) <= TOLERANCE
    assert model.caches["seen"].hits == 0


def test_seen_and_unseen_photos_share_a_batch(
    internvl: InternVL, caching: Callable[..., InternVL], inspection: Callable[..., Inspection]
) -> None:
    model = caching(seen_cache_bytes=MB)
    requests = [inspection(1, 2), inspection(3), inspection(4, 5), inspection(1, 2), inspection(6)]
    for known in (requests[0], requests[1]):
        inspect(model, known)
    found = model.inspector.run_batch([model.inspector.prepare(each) for each in requests])
    for result, request in zip(found, requests, strict=True):
        assert furthest(result, inspect(internvl, request)) <= TOLERANCE
    counts = model.caches["seen"]
    assert (counts.hits, counts.misses) == (3, 4)


def test_seen_photos_stay_within_their_bytes(
    caching: Callable[..., InternVL], inspection: Callable[..., Inspection]
) -> None:
    whole = caching(seen_cache_bytes=MB)
    inspect(whole, inspection(1, 2))
    one = whole.caches["seen"].bytes
    model = caching(seen_cache_bytes=2 * one)
    model.inspector.run_batch([model.inspector.prepare(inspection(each, each + 1)) for each in range(4)])
    inspect(model, inspection(8, 9))
    assert model.caches["seen"].bytes == 2 * one
    (keys, _), *_ = next(rows for rows, _ in model.inspector.seen.cache._entries.values())
    assert keys.untyped_storage().nbytes() == keys.nbytes, "not a part of the batch that it came with"


def test_nothing_but_numbers_is_kept_of_seen_photos(
    caching: Callable[..., InternVL], inspection: Callable[..., Inspection], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = caching(seen_cache_bytes=MB)
    projector = model.inspector.model.model.multi_modal_projector
    monkeypatch.setattr(projector, "forward", lambda features: features[..., :32] * float("nan"))
    inspect(model, inspection(1))
    assert model.caches["seen"].bytes == 0


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 40), st.booleans()), max_size=60))
def test_the_least_recently_used_goes_first(calls: list[tuple[int, int, bool]]) -> None:
    """Against a list of entries, oldest first."""
    cache: ByteCache[int, int] = ByteCache(50)
    model: list[tuple[int, int]] = []
    for key, size, putting in calls:
        if putting:
            cache.put(key, key, size)
            model = [*(entry for entry in model if entry[0] != key), (key, size)]
            while sum(entry[1] for entry in model) > 50:
                model.pop(0)
        else:
            known = [entry for entry in model if entry[0] == key]
            assert cache.get(key) == (key if known else None)
            model = [*(entry for entry in model if entry[0] != key), *known]
    assert cache.counts.bytes == sum(size for _, size in model)
    assert all(cache.peek(key) == key for key, _ in model)


def test_what_is_larger_than_the_cache_evicts_nothing() -> None:
    cache: ByteCache[str, int] = ByteCache(10)
    cache.put("small", 1, 10)
    cache.put("large", 2, 11)
    assert (cache.peek("small"), cache.peek("large")) == (1, None)
