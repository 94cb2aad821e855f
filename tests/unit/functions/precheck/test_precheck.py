"""The stage: every photo usable and prepared, or a sentence for each that is not."""

import pytest

from core.errors import Unavailable
from core.states import State
from core.storage import MissingObject, photo_key, prepared_key
from core.work_records import Claimed
from core.worker import Advanced, Ended
from precheck.precheck import Precheck
from tests.fakes.inspections import claimed
from tests.fakes.object_store import InMemoryStore
from tests.fakes.photos import encode, photo, scene
from tests.fakes.seen_photos import NothingCompared, SeenBefore


def stored(claim: Claimed, photos: list[bytes]) -> InMemoryStore:
    store = InMemoryStore()
    for index, data in enumerate(photos):
        store.put(photo_key(claim.inspection_id, index), data, "image/jpeg")
    return store


def test_usable_photos_are_prepared() -> None:
    claim = claimed()
    store = stored(claim, [photo(seed) for seed in range(3)])
    outcome = Precheck(store, NothingCompared())(claim)
    assert isinstance(outcome, Advanced)
    assert outcome.state is State.PRECHECKED
    assert outcome.photos is not None
    for index, entry in enumerate(outcome.photos):
        assert entry["prepared_bytes"] == len(store.objects[prepared_key(claim.inspection_id, index)])
        assert entry["quality"]["verdict"] == "usable"
        assert (entry["index"], entry["width"], entry["height"]) == (index, 800, 600)


def test_one_bad_photo_rejects_and_prepares_nothing() -> None:
    claim = claimed()
    store = stored(claim, [photo(0), encode(scene(1).resize((200, 150))), photo(2)])
    outcome = Precheck(store, NothingCompared())(claim)
    assert isinstance(outcome, Ended)
    assert (outcome.state, outcome.code) == (State.REJECTED, "photos_unusable")
    assert outcome.detail.startswith("Photo 2: The photo is too small.")
    assert outcome.photos is not None
    assert [entry["quality"]["verdict"] for entry in outcome.photos] == ["usable", "retake", "usable"]
    assert len(store.objects) == 3


def test_every_bad_photo_gets_its_sentence() -> None:
    claim = claimed()
    outcome = Precheck(stored(claim, [photo(0)[:6000], photo(1), photo(1)]), NothingCompared())(claim)
    assert isinstance(outcome, Ended)
    assert outcome.detail == (
        "Photo 1: The photo file is damaged. Take the photo again."
        " Photo 3: It shows the same view as photo 2. Take one from another side."
    )


def test_duplicate_is_counted_by_the_photos_own_number() -> None:
    """A damaged photo has no fingerprint, so positions among the fingerprints are not the photos' numbers."""
    claim = claimed(count=4)
    outcome = Precheck(stored(claim, [photo(0), photo(1)[:6000], photo(2), photo(2)]), NothingCompared())(claim)
    assert isinstance(outcome, Ended)
    assert "Photo 4: It shows the same view as photo 3." in outcome.detail


def test_never_judged_on_part_of_the_photos() -> None:
    claim = claimed()
    store = stored(claim, [photo(seed) for seed in range(3)])
    store.refused.add(photo_key(claim.inspection_id, 2))
    with pytest.raises(Unavailable):
        Precheck(store, NothingCompared())(claim)
    assert len(store.objects) == 3


def test_photo_that_is_gone() -> None:
    claim = claimed()
    with pytest.raises(MissingObject):
        Precheck(stored(claim, [photo(0)]), NothingCompared())(claim)


def test_prepared_photo_that_cannot_be_stored() -> None:
    claim = claimed()
    store = stored(claim, [photo(seed) for seed in range(3)])
    store.refused.add(prepared_key(claim.inspection_id, 1))
    with pytest.raises(Unavailable):
        Precheck(store, NothingCompared())(claim)


def test_once_more_gives_the_same() -> None:
    claim = claimed()
    store = stored(claim, [photo(seed) for seed in range(3)])
    assert Precheck(store, NothingCompared())(claim) == Precheck(store, NothingCompared())(claim)


def test_photos_seen_before_are_told_to_the_verdict() -> None:
    claim = claimed()
    store = stored(claim, [photo(seed) for seed in range(3)])
    seen = {"index": 1, "inspection_id": "insp_earlier", "photo": 0}
    compares = SeenBefore(seen)
    outcome = Precheck(store, compares)(claim)
    assert isinstance(outcome, Advanced)
    assert outcome.seen_before == [seen]
    assert len(set(compares.noted[claim.inspection_id])) == 3
    unseen = Precheck(store, SeenBefore())(claim)
    assert isinstance(unseen, Advanced)
    assert unseen.seen_before is None


def test_what_photos_of_a_rejected_inspection_look_like_is_not_noted() -> None:
    claim = claimed()
    compares = SeenBefore()
    store = stored(claim, [photo(0), encode(scene(1).resize((200, 150))), photo(2)])
    assert isinstance(Precheck(store, compares)(claim), Ended)
    assert compares.noted == {}
