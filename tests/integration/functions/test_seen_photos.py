"""Photos handed in before, against a real server: whose and what counts, for how long, and that no doubling matters."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from PIL import Image

from core.database import Database
from core.erasure import Erasure
from core.states import State
from core.storage import photo_key
from core.work_records import Claimed, WorkRecords
from core.worker import Advanced
from precheck.photo import analyse
from precheck.precheck import Precheck
from precheck.seen_photos import SeenPhotos
from retention.old_fingerprints import OldFingerprints
from tests.fakes.inspections import photo_entry
from tests.fakes.object_store import InMemoryStore
from tests.fakes.photos import encode, photo, scene
from tests.fakes.requests import accepted

WINDOW_S = 3600


@pytest.fixture(autouse=True)
def comparing(database: Database) -> None:
    database.execute("UPDATE clients SET photo_match_window_s = %s WHERE client_id <> 'client-c'", (WINDOW_S,))


def cropped(seed: int, share: float = 0.1) -> bytes:
    """The scene again: without so much of each side, at another size, and as another JPEG."""
    image = scene(seed)
    width, height = image.size
    box = (round(share * width), round(share * height), round((1 - share) * width), round((1 - share) * height))
    return encode(image.crop(box).resize((760, 570), Image.Resampling.BICUBIC), quality=60)


def hand_in(database: Database, photos: Sequence[bytes], **changes: Any) -> Claimed:
    """An accepted inspection of these photos, taken by a worker of the pre-check."""
    entries = [photo_entry(index, hash(data) % 10**9) for index, data in enumerate(photos)]
    inspection_id = accepted(database, **({"photos": entries, "reference": f"waybill {len(changes)}"} | changes))
    return claim(database, inspection_id)


def claim(database: Database, inspection_id: str, state: State = State.ACCEPTED) -> Claimed:
    claimed = WorkRecords(database).claim(inspection_id, state, "worker", 60)
    assert isinstance(claimed, Claimed)
    return claimed


def look(database: Database, claimed: Claimed, photos: Sequence[bytes]) -> list[dict[str, Any]]:
    thumbnails = [analyse(data, "image/jpeg").thumbnail for data in photos]
    return SeenPhotos(database).note_and_find(claimed, thumbnails, WINDOW_S)


def handed_in(database: Database, photos: Sequence[bytes], **changes: Any) -> tuple[str, list[dict[str, Any]]]:
    """Its id, and what was seen before."""
    claimed = hand_in(database, photos, **changes)
    return claimed.inspection_id, look(database, claimed, photos)


def end(database: Database, inspection_id: str, state: State) -> None:
    database.execute(
        "UPDATE rvpxbverification_request_data SET state = %s, finished_at = UTC_TIMESTAMP(6) WHERE inspection_id = %s",
        (state.value, inspection_id),
    )


def age(database: Database, inspection_id: str, by_s: int) -> None:
    database.execute(
        "UPDATE photo_fingerprints SET created_at = created_at - INTERVAL %s SECOND WHERE inspection_id = %s",
        (by_s, inspection_id),
    )


def kept(database: Database) -> set[str]:
    return {row["inspection_id"] for row in database.all("SELECT inspection_id FROM photo_fingerprints")}


def test_a_crop_of_another_parcels_photo_is_found(database: Database) -> None:
    first, nothing = handed_in(database, [photo(0), photo(1)], reference="A")
    assert nothing == []
    _, seen = handed_in(database, [photo(2), cropped(1)], reference="B")
    assert seen == [{"index": 1, "inspection_id": first, "photo": 1}]


def test_the_first_of_several_is_named(database: Database) -> None:
    first, _ = handed_in(database, [photo(0)], reference="A")
    age(database, first, 60)
    handed_in(database, [photo(0)], reference="B")
    assert handed_in(database, [cropped(0)], reference="C")[1] == [{"index": 0, "inspection_id": first, "photo": 0}]


def test_the_same_file_is_found_whatever_it_looks_like(database: Database, tamper: Callable[..., None]) -> None:
    first, _ = handed_in(database, [photo(0)], reference="A")
    tamper("UPDATE photo_fingerprints SET appearance = REPEAT('x', 32), band_1 = 0, band_2 = 0, band_3 = 0")
    assert handed_in(database, [photo(0)], reference="B")[1] == [{"index": 0, "inspection_id": first, "photo": 0}]


def test_never_across_clients(database: Database) -> None:
    handed_in(database, [photo(0)], reference="A")
    assert handed_in(database, [photo(0)], reference="B", client_id="client-b")[1] == []


def test_not_before_the_window(database: Database) -> None:
    first, _ = handed_in(database, [photo(0)], reference="A")
    age(database, first, WINDOW_S - 60)
    second, seen = handed_in(database, [photo(0)], reference="B")
    assert [each["inspection_id"] for each in seen] == [first]
    for each in (first, second):
        age(database, each, WINDOW_S)
    assert handed_in(database, [photo(0)], reference="C")[1] == []


@pytest.mark.parametrize(
    ("first", "second", "another_parcel"),
    [
        ({"reference": "A"}, {"reference": "B"}, True),
        ({"reference": "A"}, {"reference": "A"}, False),
        ({"reference": "A"}, {"reference": "a"}, False),
        ({"reference": "A"}, {"reference": "A", "item": {"description": "bag"}}, False),
        ({"reference": None}, {"reference": None}, False),
        ({"reference": None}, {"reference": "B"}, False),
        ({"item": {"description": "shoe"}}, {"item": {"description": "bag"}}, True),
        ({"item": {"sku": "1", "description": "shoe"}}, {"item": {"description": "shoe", "sku": "1"}}, False),
    ],
)
def test_what_another_parcel_is(
    database: Database, first: dict[str, Any], second: dict[str, Any], another_parcel: bool
) -> None:
    handed_in(database, [photo(0)], **({"reference": None} | first))
    assert bool(handed_in(database, [photo(0)], **({"reference": None} | second))[1]) is another_parcel


@pytest.mark.parametrize("state", State)
def test_photos_of_what_got_no_verdict_may_come_again(database: Database, state: State) -> None:
    first, _ = handed_in(database, [photo(0)], reference="A")
    end(database, first, state)
    unused = {State.REJECTED, State.ERROR, State.CANCELLED, State.EXPIRED}
    assert bool(handed_in(database, [photo(0)], reference="B")[1]) is (state not in unused)


def test_another_attempt_finds_the_same_and_never_itself(database: Database) -> None:
    first, _ = handed_in(database, [photo(0), photo(1)], reference="A")
    age(database, first, 60)
    claimed = hand_in(database, [photo(2), photo(0)], reference="B")
    attempts = [look(database, claimed, [photo(2), photo(0)]) for _ in range(5)]
    assert attempts == [[{"index": 1, "inspection_id": first, "photo": 0}]] * 5
    age(database, claimed.inspection_id, 30)
    # What came after the first attempt is that one's finding, however late another attempt looks.
    third, seen = handed_in(database, [photo(2)], reference="C")
    assert seen == [{"index": 0, "inspection_id": claimed.inspection_id, "photo": 0}]
    assert look(database, claimed, [photo(2), photo(0)]) == attempts[0]
    assert kept(database) == {first, claimed.inspection_id, third}


def test_of_two_at_once_one_finds_the_other(connect: Callable[[], Database]) -> None:
    database = connect()
    pairs = [[hand_in(database, [photo(seed)], reference=f"{seed}{side}") for side in "AB"] for seed in range(4)]
    start = Barrier(8)

    def at_once(work: tuple[Database, Claimed, int]) -> list[dict[str, Any]]:
        own, claimed, seed = work
        start.wait()
        return look(own, claimed, [photo(seed)])

    works = [(connect(), claimed, seed) for seed, pair in enumerate(pairs) for claimed in pair]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(at_once, works))
    for seed, pair in enumerate(pairs):
        names = {each["inspection_id"] for seen in found[2 * seed : 2 * seed + 2] for each in seen}
        assert names
        assert names <= {claimed.inspection_id for claimed in pair}


def test_verdict_hears_of_it_with_the_step(database: Database) -> None:
    first, _ = handed_in(database, [photo(seed) for seed in range(3)], reference="A")
    photos = [photo(3), cropped(1), photo(4)]
    claimed = hand_in(database, photos, reference="B")
    store = InMemoryStore()
    for index, data in enumerate(photos):
        store.put(photo_key(claimed.inspection_id, index), data, "image/jpeg")
    outcome = Precheck(store, SeenPhotos(database))(claimed)
    assert isinstance(outcome, Advanced)
    WorkRecords(database).advance(claimed, State.ACCEPTED, outcome.state, outcome.photos, outcome.seen_before)
    again = claim(database, claimed.inspection_id, State.PRECHECKED)
    assert again.seen_before == [{"index": 1, "inspection_id": first, "photo": 1}]


def test_nothing_is_kept_of_a_client_without_a_window(database: Database) -> None:
    claimed = hand_in(database, [photo(0)], client_id="client-c", reference="A")
    store = InMemoryStore()
    store.put(photo_key(claimed.inspection_id, 0), photo(0), "image/jpeg")
    Precheck(store, SeenPhotos(database))(claimed)
    assert kept(database) == set()


def test_a_version_that_knows_nothing_of_it_steps_as_before(database: Database) -> None:
    inspection_id = accepted(database)
    claimed = claim(database, inspection_id)
    WorkRecords(database).advance(claimed, State.ACCEPTED, State.PRECHECKED, claimed.photos)
    assert claim(database, inspection_id, State.PRECHECKED).seen_before == []


def test_they_go_with_the_photos(database: Database) -> None:
    first, _ = handed_in(database, [photo(0)], reference="A")
    other, _ = handed_in(database, [photo(1)], reference="B")
    end(database, first, State.PASSED)
    assert Erasure(database, InMemoryStore()).erase("client-a", first)
    assert kept(database) == {other}
    assert handed_in(database, [photo(0)], reference="C")[1] == []


def test_they_go_when_the_window_is_over(database: Database) -> None:
    old, young = (handed_in(database, [photo(seed), photo(seed + 1)], reference=str(seed))[0] for seed in (0, 2))
    age(database, old, WINDOW_S + 1)
    other, _ = handed_in(database, [photo(4)], client_id="client-b")
    database.execute("UPDATE clients SET photo_match_window_s = NULL WHERE client_id = 'client-b'")
    forgetting = OldFingerprints(database)
    assert forgetting.erase_due(1) == 1
    assert forgetting.erase_due(10) == 2
    assert forgetting.erase_due(10) == 0
    assert kept(database) == {young}
    assert other not in kept(database)
