"""One picture for two parcels: cropped and encoded anew it goes to a person, for the client it was seen with alone."""

import base64
import io
from typing import Any

import httpx
from PIL import Image

from scrutineer.local.stack import LocalStack
from tests.end_to_end.desk import Desk

PREFER = {"Prefer": "wait=25"}


def cropped(data: str) -> str:
    """The photo without a tenth of each side, as another JPEG."""
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    width, height = image.size
    part = image.crop((width // 10, height // 10, width - width // 10, height - height // 10))
    buffer = io.BytesIO()
    part.resize((width, height), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
    return base64.b64encode(buffer.getvalue()).decode()


def test_a_photo_of_another_parcel_goes_to_a_person(stack: LocalStack, desk: Desk, body: dict[str, Any]) -> None:
    photos = body["photos"]
    again = [{"data": cropped(photos[0]["data"])}, *photos[1:]]
    clients = [desk.client(name) for name in ("seen before", "seen elsewhere")]
    for client_id in clients:
        desk.change_client(client_id, photo_match_window_s=86_400)
    one, other = (
        httpx.Client(base_url=stack.url, headers={"x-api-key": desk.key(client_id).secret}, timeout=40, trust_env=False)
        for client_id in clients
    )

    def judged(client: httpx.Client, reference: str, photos: list[dict[str, Any]]) -> dict[str, Any]:
        asked = body | {"reference": reference, "photos": photos}
        answer = client.post("/v1/inspections", json=asked, headers=PREFER)
        assert answer.status_code == 200, answer.text
        inspection: dict[str, Any] = answer.json()
        return inspection

    with one, other:
        first = judged(one, "waybill 1", photos)
        same_parcel = judged(one, "waybill 1", again)
        next_parcel = judged(one, "waybill 2", again)
        not_theirs = judged(other, "waybill 2", again)
    assert {each["state"] for each in (first, same_parcel, not_theirs)} == {"passed"}
    assert next_parcel["state"] == "review"
    assert next_parcel["verdict"]["reasons"] == [
        f"photo_seen_before: photo {number} shows the same picture as photo {number} of {first['id']}."
        for number in (1, 2, 3)
    ]
