"""A manifest is read from the client's own places and from no other."""

import pytest

from batches.contract import ManifestInput
from batches.manifest import InvalidManifest, ManifestTooLarge
from batches.sources import ManifestSources
from core.errors import ScrutineerError, UnknownUpload, UnsafeAddress
from core.identifiers import new_identifier
from core.photo_buckets import PhotoBuckets
from core.uploads import MAX_PHOTO_BYTES, PhotoUploads, upload_key
from tests.fakes.s3_client import OWNER, InMemoryS3

UPLOAD = new_identifier("upl")
TEXT = "{}\n{}"


@pytest.fixture
def s3() -> InMemoryS3:
    s3 = InMemoryS3()
    s3.objects["own", upload_key("client_a", UPLOAD)] = TEXT.encode()
    s3.objects["photos", "client_a/night.jsonl"] = TEXT.encode()
    return s3


@pytest.fixture
def read(s3: InMemoryS3) -> ManifestSources:
    return ManifestSources(PhotoUploads(s3, "own"), PhotoBuckets(s3, ["photos"], OWNER))


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ManifestInput(manifest=TEXT), "manifest"),
        (ManifestInput(upload_id=UPLOAD), "upload_id"),
        (ManifestInput(url="s3://photos/client_a/night.jsonl"), "url"),
    ],
)
def test_each_way_leads_to_the_same_bytes(read: ManifestSources, request_: ManifestInput, field: str) -> None:
    assert read(request_, "client_a") == (TEXT.encode(), field)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (ManifestInput(upload_id=UPLOAD), UnknownUpload),
        (ManifestInput(upload_id=new_identifier("upl")), UnknownUpload),
        (ManifestInput(upload_id="../x"), UnknownUpload),
        (ManifestInput(url="s3://photos/client_a/night.jsonl"), UnsafeAddress),
        (ManifestInput(url="s3://photos/client_b/../client_a/night.jsonl"), UnsafeAddress),
        (ManifestInput(url="s3://own/client_b/night.jsonl"), UnsafeAddress),
        (ManifestInput(url="https://example.com/night.jsonl"), UnsafeAddress),
        (ManifestInput(url="s3://photos/client_b/nothing.jsonl"), InvalidManifest),
    ],
)
def test_another_client_finds_none_of_it(
    read: ManifestSources, request_: ManifestInput, error: type[ScrutineerError]
) -> None:
    with pytest.raises(error):
        read(request_, "client_b")


def test_one_that_is_too_large_is_not_read(read: ManifestSources, s3: InMemoryS3) -> None:
    s3.sizes["own", upload_key("client_a", UPLOAD)] = MAX_PHOTO_BYTES + 1
    with pytest.raises(ManifestTooLarge) as raised:
        read(ManifestInput(upload_id=UPLOAD), "client_a")
    assert raised.value.field == "upload_id"
