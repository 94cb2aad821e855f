"""Photos from every place at once: what comes back, what is refused by name, and that nothing is asked in vain."""

import base64
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from core.contract import PhotoInput
from core.errors import (
    InvalidPhoto,
    NotOffered,
    PhotoTooLarge,
    ScrutineerError,
    Unavailable,
    UnknownUpload,
    UnsafeAddress,
)
from core.identifiers import new_identifier
from core.outward import NotReached, Outward
from core.photo_buckets import PhotoBuckets
from core.photo_sources import MAX_TOGETHER_BYTES, PhotoSources, inline_only
from core.uploads import MAX_PHOTO_BYTES, PhotoUploads, upload_key
from tests.fakes.internet import PUBLIC, Internet, Page, internet
from tests.fakes.photos import bomb, photo
from tests.fakes.s3_client import OWNER, InMemoryS3

OURS, THEIRS = "client-a", "client-b"
HOST = "https://photos.example.com"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    with internet(Path(tmp_path_factory.mktemp("internet")), "photos.example.com") as made:
        made.names = {"photos.example.com": [PUBLIC], "inside.example.com": ["10.0.0.7"]}
        yield made


class Places:
    """A bucket of ours, one of the business, and the web; `ask` gathers photos for a client."""

    def __init__(self, net: Internet) -> None:
        net.pages = {}
        net.asked.clear()
        net.connected.clear()
        self.net = net
        self.s3 = InMemoryS3()
        self.limit_s = 5.0
        self.together_bytes = MAX_TOGETHER_BYTES

    def upload(self, data: bytes, client_id: str = OURS) -> str:
        upload_id = new_identifier("upl")
        self.s3.objects["ours", upload_key(client_id, upload_id)] = data
        return upload_id

    def ask(self, *photos: dict[str, Any], client_id: str = OURS, owner: str = OWNER, web: bool = True) -> Any:
        outward = Outward(resolve=self.net.resolve, connect=self.net.connect, tls=self.net.tls)
        gather = PhotoSources(
            PhotoUploads(self.s3, "ours"),
            PhotoBuckets(self.s3, ["business"], owner),
            outward if web else None,
            self.limit_s,
            self.together_bytes,
        )
        return gather([PhotoInput.model_validate(each) for each in photos], client_id)


@pytest.fixture
def places(served: Internet) -> Places:
    return Places(served)


def inline(seed: int = 0) -> dict[str, str]:
    return {"data": base64.b64encode(photo(seed)).decode()}


def test_photos_come_from_everywhere_in_their_order(places: Places) -> None:
    places.net.pages["/3.png"] = Page(photo(3, "PNG"), headers={"Content-Type": "text/plain"})
    places.s3.objects["business", f"{OURS}/returns/2 ü.jpg"] = photo(2)
    found = places.ask(
        {"url": f"{HOST}/3.png", "name": "top"},
        inline(),
        {"url": f"s3://business/{OURS}/returns/2 ü.jpg"},
        {"upload_id": places.upload(photo(1, "HEIF"))},
    )
    assert [each.data for each in found] == [photo(3, "PNG"), photo(0), photo(2), photo(1, "HEIF")]
    assert [each.media_type for each in found] == ["image/png", "image/jpeg", "image/jpeg", "image/heic"]
    assert [(each.index, each.name) for each in found] == [(0, "top"), (1, None), (2, None), (3, None)]


def test_the_same_photo_is_the_same_wherever_it_was(places: Places) -> None:
    places.net.pages["/a"] = Page(photo())
    places.s3.objects["business", f"{OURS}/a"] = photo()
    ways = [inline(), {"upload_id": places.upload(photo())}, {"url": f"s3://business/{OURS}/a"}, {"url": f"{HOST}/a"}]
    assert len({places.ask(way)[0].sha256 for way in ways}) == 1


UPLOAD, S3, WEB = "upload", "s3", "web"


@pytest.mark.parametrize("way", [UPLOAD, S3, WEB])
@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", InvalidPhoto),
        (b"<html>a page</html>", InvalidPhoto),
        (photo()[:9000], InvalidPhoto),
        (bomb(), PhotoTooLarge),
        (b"\xff\xd8\xff" + bytes(MAX_PHOTO_BYTES), PhotoTooLarge),
    ],
    ids=["empty", "page", "cut off", "bomb", "large"],
)
def test_what_is_no_photo_is_refused_wherever_it_was(
    places: Places, way: str, data: bytes, error: type[ScrutineerError]
) -> None:
    if way == UPLOAD:
        spoilt = {"upload_id": places.upload(data)}
    elif way == S3:
        places.s3.objects["business", f"{OURS}/a"] = data
        spoilt = {"url": f"s3://business/{OURS}/a"}
    else:
        places.net.pages["/a"] = Page(data)
        spoilt = {"url": f"{HOST}/a"}
    with pytest.raises(error) as told:
        places.ask(inline(), spoilt)
    assert told.value.field == f"photos[1].{'upload_id' if way == UPLOAD else 'url'}"


def test_another_clients_upload_is_an_unknown_one(places: Places) -> None:
    theirs, nobodys = places.upload(photo(), THEIRS), new_identifier("upl")
    told = []
    for upload_id in (theirs, nobodys, "upl_x", f"../{THEIRS}/{theirs}", "x/../y"):
        with pytest.raises(UnknownUpload) as refused:
            places.ask({"upload_id": upload_id})
        told.append((str(refused.value), refused.value.field))
    assert len(set(told)) == 1
    assert places.ask({"upload_id": theirs}, client_id=THEIRS)[0].data == photo()
    assert {key for _, key in places.s3.read} == {
        upload_key(OURS, theirs),
        upload_key(OURS, nobodys),
        upload_key(THEIRS, theirs),
    }


@pytest.mark.parametrize(
    "url",
    [
        "s3://business",
        "s3://business/",
        f"s3://other/{OURS}/a",
        f"s3://ours/uploads/{OURS}/a",
        f"s3://Business/{OURS}/a",
        f"s3:///{OURS}/a",
        f"S3://business/{OURS}/a",
        f"s3://business@other/{OURS}/a",
        f"s3://business:443/{OURS}/a",
        f"s3://{OWNER}:business/{OURS}/a",
        "s3://arn:aws:s3:::business/a",
        f"s3://business/{THEIRS}/a",
        f"s3://business/{OURS}",
        f"s3://business/{OURS}x/a",
        f"s3://business/{OURS}/../{THEIRS}/a",
        f"s3://business/{OURS}/./a",
        f"s3://business//{OURS}/a",
        f"s3://business/{OURS}/a\n",
        f"s3://business/{OURS}/{'a' * 1100}",
    ],
)
def test_only_ones_own_part_of_an_allowed_bucket_is_read(places: Places, url: str) -> None:
    places.s3.objects["business", f"{THEIRS}/a"] = photo()
    with pytest.raises(UnsafeAddress) as told:
        places.ask({"url": url})
    assert told.value.field == "photos[0].url"
    assert places.s3.read == []


def test_bucket_must_be_its_owners(places: Places) -> None:
    places.s3.objects["business", f"{OURS}/a"] = photo()
    asked = {"url": f"s3://business/{OURS}/a"}
    assert places.ask(asked)
    assert places.ask(asked, owner="")
    with pytest.raises(InvalidPhoto):
        places.ask(asked, owner="999988887777")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("NoSuchKey", InvalidPhoto),
        ("NoSuchBucket", InvalidPhoto),
        ("AccessDenied", InvalidPhoto),
        ("InvalidObjectState", InvalidPhoto),
        ("SlowDown", Unavailable),
        ("InternalError", Unavailable),
    ],
)
def test_what_s3_answers_is_told_in_our_words(places: Places, code: str, error: type[ScrutineerError]) -> None:
    places.s3.codes["business", f"{OURS}/a"] = code
    with pytest.raises(error):
        places.ask({"url": f"s3://business/{OURS}/a"})


def test_half_an_object_is_no_photo(places: Places) -> None:
    places.s3.objects["business", f"{OURS}/a"] = photo()
    places.s3.sizes["business", f"{OURS}/a"] = len(photo()) + 1
    with pytest.raises(Unavailable):
        places.ask({"url": f"s3://business/{OURS}/a"})


@pytest.mark.parametrize(
    ("page", "error"),
    [
        (Page(b"gone", status=404), InvalidPhoto),
        (Page(b"sign in", status=403), InvalidPhoto),
        (Page(photo(), status=206), InvalidPhoto),
        (Page(b"busy", status=503), NotReached),
        (Page(b"slowly", status=429), NotReached),
        (Page(status=302, headers={"Location": "https://inside.example.com/"}), UnsafeAddress),
        (Page(status=302), InvalidPhoto),
    ],
)
def test_what_the_host_answers_is_told_in_our_words(places: Places, page: Page, error: type[ScrutineerError]) -> None:
    places.net.pages["/a"] = page
    with pytest.raises(error) as told:
        places.ask({"url": f"{HOST}/a"})
    assert told.value.field == "photos[0].url"


def test_host_inside_is_refused(places: Places) -> None:
    with pytest.raises(UnsafeAddress):
        places.ask({"url": "https://inside.example.com/a"})
    assert places.net.connected == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {"data": "AAAA"},
        {"url": "https://169.254.169.254/"},
        {"url": "ftp://photos.example.com/"},
        {"url": f"s3://business/{THEIRS}/a"},
    ],
)
def test_request_that_is_wrong_by_itself_costs_no_fetching(places: Places, spoilt: dict[str, str]) -> None:
    with pytest.raises(ScrutineerError) as told:
        places.ask({"url": f"{HOST}/a"}, {"upload_id": places.upload(photo())}, spoilt)
    assert told.value.field is not None
    assert told.value.field.startswith("photos[2].")
    assert (places.net.connected, places.s3.read) == ([], [])


def test_photos_are_fetched_side_by_side_within_one_limit(places: Places) -> None:
    for silent_s, limit_s, given_up in ((1.0, 20.0, nullcontext()), (6.0, 0.2, pytest.raises(Unavailable))):
        places.limit_s = limit_s
        for number in range(6):
            places.net.pages[f"/{number}"] = Page(photo(), silent_s=silent_s)
        began = time.monotonic()
        with given_up:
            places.ask(*({"url": f"{HOST}/{number}"} for number in range(6)))
        assert time.monotonic() - began < 5


def test_photos_have_a_limit_together(places: Places) -> None:
    places.s3.objects["business", f"{OURS}/a"] = photo()
    places.net.pages["/a"] = Page(photo())
    three = [{"url": f"{HOST}/a"}, {"url": f"s3://business/{OURS}/a"}, {"upload_id": places.upload(photo())}]
    places.together_bytes = 3 * len(photo())
    assert len(places.ask(*three)) == 3
    places.together_bytes -= 1
    with pytest.raises(PhotoTooLarge) as told:
        places.ask(*three)
    assert told.value.field == "photos"


def test_https_may_not_be_offered(places: Places) -> None:
    with pytest.raises(NotOffered) as told:
        places.ask({"url": f"{HOST}/a"}, web=False)
    assert told.value.field == "photos[0].url"


def test_inline_only() -> None:
    assert inline_only([PhotoInput.model_validate(inline())], OURS)[0].data == photo()
    with pytest.raises(NotOffered) as told:
        inline_only([PhotoInput.model_validate(inline()), PhotoInput(url=f"{HOST}/a")], OURS)
    assert told.value.field == "photos[1].url"
