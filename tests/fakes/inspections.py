"""Requests and claims as the tests need them."""

from typing import Any

from core import checklists
from core.identifiers import new_identifier
from core.lanes import Lane
from core.work_records import Claimed
from tests.fakes.photos import base64_photo, photo

CHECKLIST = checklists.latest("reverse-pickup")


def request_body(*seeds: int, **changes: Any) -> dict[str, Any]:
    """A valid `POST /v1/inspections`, with a photo for each seed (three where none is given)."""
    return {
        "checklist": "reverse-pickup",
        "item": {"description": "red shoe, size 42"},
        "photos": [{"data": base64_photo(seed)} for seed in seeds or (0, 1, 2)],
        **changes,
    }


def photo_entry(index: int, seed: int = 0) -> dict[str, Any]:
    """What a request's row holds of a photo when it is accepted."""
    return {
        "index": index,
        "name": None,
        "sha256": f"{seed:064x}",
        "size_bytes": len(photo(seed)),
        "media_type": "image/jpeg",
        "width": 800,
        "height": 600,
    }


def claimed(attempt: int = 1, count: int = 3) -> Claimed:
    """A claim on an inspection of `count` photos."""
    return Claimed(
        inspection_id=new_identifier("insp"),
        client_id="client-a",
        lane=Lane.INTERACTIVE,
        owner="worker",
        attempt=attempt,
        checklist=CHECKLIST.name,
        checklist_version=CHECKLIST.version,
        item={"description": "red shoe"},
        photos=[photo_entry(index, index) for index in range(count)],
        elapsed_ms={},
    )
