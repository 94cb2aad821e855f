"""Embeddings and descriptions from the gateway to the real containers and back."""

import base64
import math
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from scrutineer.local.settings import ROOT

PHOTO = base64.b64encode((ROOT / "events" / "photos" / "red-shoe-good-1.jpg").read_bytes()).decode()
Stored = Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]


def test_a_text_a_photo_and_both_are_vectors_of_one_space(client: httpx.Client) -> None:
    text = client.post("/v1/embeddings/text", json={"texts": ["a red shoe", "a blue bag"]}).json()
    photo = client.post("/v1/embeddings/image", json={"photos": [{"data": PHOTO}]}).json()
    both = {"inputs": [{"photo": {"data": PHOTO}}, {"text": "a blue bag"}]}
    answer = client.post("/v1/embeddings/batch", json=both)
    assert answer.status_code == 200, answer.text
    assert answer.json()["dimension"] == text["dimension"] == photo["dimension"]
    assert answer.json()["served_by"].startswith("url:http://127.0.0.1:")
    for vector in (*text["embeddings"], *photo["embeddings"]):
        assert math.isclose(sum(value * value for value in vector), 1, rel_tol=1e-4)
    # Batches and single ones agree.
    assert np.allclose(answer.json()["embeddings"], [*photo["embeddings"], text["embeddings"][1]], atol=1e-5)


def test_each_input_counts(client: httpx.Client, stored: Stored) -> None:
    def counted() -> int:
        rows = stored("SELECT SUM(accepted - refunded) FROM client_usage_days WHERE task = 'embed'", ())
        return int(rows[0][0] or 0)

    before = counted()
    assert client.post("/v1/embeddings/text", json={"texts": ["one", "two", "three"]}).status_code == 200
    assert counted() == before + 3
    # The model itself refuses this one: longer than its window.
    refused = client.post("/v1/embeddings/text", json={"texts": ["word " * 399]})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "unusable_input", "texts[0]")
    assert counted() == before + 3


@pytest.mark.parametrize("kind", ["caption", "report"])
def test_a_description_by_the_inspections_own_model(client: httpx.Client, kind: str) -> None:
    answer = client.post("/v1/descriptions", json={"photos": [{"data": PHOTO}], "kind": kind, "max_tokens": 8})
    assert answer.status_code == 200, answer.text
    described = answer.json()
    assert (described["kind"], described["served_by"]) == (kind, "sagemaker:scrutineer-endpoint")
    if kind == "caption":
        assert isinstance(described["text"], str)
    else:
        assert described["report"]["condition"] in ("new", "used", "damaged")
    assert described["usage"]["photos"] == 1
