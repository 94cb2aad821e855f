"""Accepting: in which order things are stored, and that an error leaves no row and no message."""

from typing import Any

import pytest

from core.accept import Accept, Acceptance
from core.contract import InspectionInput
from core.database import DuplicateKey
from core.errors import IdempotencyConflict, PhotoCount, ScrutineerError, Unavailable, UnknownChecklist
from core.handover import Handover
from core.inspection_records import NewRequest
from core.states import State
from core.storage import photo_key
from tests.fakes.database import FakeDatabase
from tests.fakes.inspections import request_body
from tests.fakes.metrics import counted
from tests.fakes.object_store import InMemoryStore
from tests.fakes.photos import photo
from tests.fakes.queues import InMemoryQueue, both_lanes
from tests.fakes.records import InMemoryRecords
from tests.fakes.service import always_open
from tests.fakes.usage import GENEROUS


class Front:
    """Accept over fakes; `order` notes every side effect as it happens."""

    def __init__(self) -> None:
        self.order: list[str] = []
        order = self.order

        class Store(InMemoryStore):
            def put(self, key: str, data: bytes, media_type: str) -> None:
                super().put(key, data, media_type)
                order.append("put")

        class Records(InMemoryRecords):
            def add(self, request: NewRequest) -> str | None:
                order.append("add")
                return super().add(request)

        class Queue(InMemoryQueue):
            def send(self, inspection_id: str, *, group: str, delay_s: int = 0) -> None:
                super().send(inspection_id, group=group, delay_s=delay_s)
                order.append("send")

        self.store, self.records, self.queue = Store(), Records(), Queue()
        self.database = FakeDatabase()
        self.accept = Accept(
            self.records,
            self.store,
            Handover(self.database, both_lanes({State.ACCEPTED: self.queue})),
            always_open(),
            on_final=lambda inspection_id: order.append(f"end of {inspection_id}"),
        )

    def post(self, key: str | None = None, client_id: str = "client-a", **changes: Any) -> Acceptance:
        body = InspectionInput.model_validate(request_body(**changes))
        return self.accept(body, client_id, GENEROUS, key)


def test_a_request_that_ended_with_an_earlier_verdict_is_not_queued() -> None:
    front = Front()
    front.records.reusable = "insp_earlier"
    acceptance = front.post()
    assert front.order == ["put", "put", "put", "add", f"end of {acceptance.inspection_id}"]
    assert acceptance.reused_from == "insp_earlier"
    assert acceptance.stored is not None
    assert acceptance.stored.content_hash is not None
    assert (counted("InspectionsAccepted"), counted("InspectionsReused")) == ([1.0], [1.0])


def test_photos_then_row_then_message() -> None:
    front = Front()
    acceptance = front.post(reference="waybill 7")
    assert front.order == ["put", "put", "put", "add", "send"]
    (request,) = front.records.added
    assert request.inspection_id == acceptance.inspection_id
    assert acceptance.stored == request
    assert (request.client_id, request.checklist, request.checklist_version) == ("client-a", "reverse-pickup", 1)
    assert (request.item, request.reference) == ({"description": "red shoe, size 42", "attributes": {}}, "waybill 7")
    assert front.queue.sent == [(acceptance.inspection_id, 0)]
    for index in range(3):
        assert front.store.objects[photo_key(acceptance.inspection_id, index)] == photo(index)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"checklist": "nope"}, UnknownChecklist),
        ({"photos": [{"data": "AAAA"}] * 2}, PhotoCount),
        ({"photos": [{"data": "AAAA"}] * 7}, PhotoCount),
        ({"photos": [*request_body()["photos"][:2], {"data": "AAAA"}]}, ScrutineerError),
    ],
)
def test_invalid_request_stores_nothing(changes: dict[str, Any], error: type[ScrutineerError]) -> None:
    front = Front()
    with pytest.raises(error):
        front.post(**changes)
    assert front.order == []


def test_photo_that_cannot_be_stored_means_no_row() -> None:
    class Full(InMemoryStore):
        def put(self, key: str, data: bytes, media_type: str) -> None:
            if key.endswith("/2"):
                raise Unavailable("The store is away.", retry_after_s=5)

    records, queue = InMemoryRecords(), InMemoryQueue()
    accept = Accept(records, Full(), Handover(FakeDatabase(), both_lanes({State.ACCEPTED: queue})), always_open())
    with pytest.raises(Unavailable):
        accept(InspectionInput.model_validate(request_body()), "client-a", GENEROUS, None)
    assert (records.added, queue.sent) == ([], [])


def test_row_that_cannot_be_stored_means_no_message() -> None:
    front = Front()
    front.records.away = True
    with pytest.raises(Unavailable):
        front.post()
    assert front.queue.sent == []


@pytest.mark.parametrize("part", ["queue", "database"])
def test_accepted_even_if_the_message_cannot_be_sent_or_noted(part: str) -> None:
    front = Front()
    setattr(getattr(front, part), "away", True)  # noqa: B010 - mypy knows neither part by its name
    acceptance = front.post()
    assert [each.inspection_id for each in front.records.added] == [acceptance.inspection_id]


def test_same_key_same_request_is_the_same_inspection() -> None:
    front = Front()
    first = front.post("k")
    front.order.clear()
    again = front.post("k")
    assert again == Acceptance(first.inspection_id, stored=None)
    assert front.order == []


def test_keys_belong_to_their_client() -> None:
    front = Front()
    assert front.post("k").inspection_id != front.post("k", client_id="client-b").inspection_id


def test_no_key_means_a_new_inspection_each_time() -> None:
    front = Front()
    assert front.post().inspection_id != front.post().inspection_id


PHOTOS = request_body()["photos"]


@pytest.mark.parametrize(
    "changes",
    [
        {"item": {"description": "blue shoe"}},
        {"reference": "other"},
        {"photos": PHOTOS[::-1]},
        {"photos": [*PHOTOS, PHOTOS[0]]},
        {"photos": [PHOTOS[0] | {"name": "front"}, *PHOTOS[1:]]},
    ],
)
def test_same_key_other_request_is_a_conflict(changes: dict[str, Any]) -> None:
    front = Front()
    front.post("k")
    front.order.clear()
    with pytest.raises(IdempotencyConflict) as raised:
        front.post("k", **changes)
    assert raised.value.field == "Idempotency-Key"
    assert front.order == []


class Overtaken(InMemoryRecords):
    """Another request with the same key is stored between the look and the insert."""

    def __init__(self, hash_of_the_other: bytes | None) -> None:
        super().__init__()
        self.hash_of_the_other = hash_of_the_other
        self.tried = False

    def add(self, request: NewRequest) -> None:
        self.tried = True
        raise DuplicateKey("requests_by_idempotency_key")

    def by_idempotency_key(self, client_id: str, key: str) -> tuple[str, bytes] | None:
        return ("insp_other", self.hash_of_the_other) if self.tried and self.hash_of_the_other else None


def overtaken(hash_of_the_other: bytes | None, key: str | None = "k") -> Acceptance:
    accept = Accept(
        Overtaken(hash_of_the_other),
        InMemoryStore(),
        Handover(FakeDatabase(), both_lanes({State.ACCEPTED: InMemoryQueue()})),
        always_open(),
    )
    return accept(InspectionInput.model_validate(request_body()), "client-a", GENEROUS, key)


def test_overtaken_by_the_same_request() -> None:
    front = Front()
    front.post()
    same = front.records.added[0].request_hash
    assert overtaken(same) == Acceptance("insp_other", stored=None)


def test_overtaken_by_another_request() -> None:
    with pytest.raises(IdempotencyConflict):
        overtaken(b"other")


@pytest.mark.parametrize("key", ["k", None])
def test_refused_row_without_an_owner_may_be_tried_again(key: str | None) -> None:
    with pytest.raises(Unavailable):
        overtaken(None, key)
