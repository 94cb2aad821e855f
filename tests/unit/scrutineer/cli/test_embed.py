"""`scrutineer embed`: what is sent is what the contract takes, and the cosines are those of the vectors."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse

from embeddings.contract import BatchInput, Embeddings
from tests.unit.scrutineer.cli.admin_api import AdminApi, problem
from tests.unit.scrutineer.cli.conftest import Command

ROUTE: tuple[str, str, dict[str, str]] = ("POST", "/v1/embeddings/batch", {})
MODEL = {"name": "clip", "version": "1", "digest": "sha256:c"}


def answered(api: AdminApi, *vectors: list[float]) -> dict[str, Any]:
    """Have the gateway answer with these."""
    answer = {"embeddings": vectors, "dimension": len(vectors[0]), "model": MODEL, "served_by": "url:http://x"}
    content = Embeddings.model_validate(answer).model_dump(mode="json")
    api.other = lambda method, path, query: JSONResponse(content)
    return content


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "front.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    return path


def test_texts_and_photos_go_in_that_order(command: Command, api: AdminApi, photo: Path) -> None:
    answered(api, [1.0, 0.0], [0.6, 0.8], [0.0, -1.0])
    done = command("embed", "--photo", str(photo), "--text", "a red shoe", "--text", "a blue bag")
    assert done.code == 0, done.err
    ((*route, body),) = api.requests
    assert tuple(route) == ROUTE
    first, second, third = BatchInput.model_validate(body).inputs
    assert (first.text, second.text) == ("a red shoe", "a blue bag")
    assert third.photo is not None
    assert (third.photo.name, base64.b64decode(third.photo.data)) == ("front.jpg", b"\xff\xd8\xff")
    assert [line.split() for line in done.out.splitlines()] == [
        ["To", "1", "To", "2", "To", "3", "Input"],
        ["1", "+1.000", "+0.600", "+0.000", "a", "red", "shoe"],
        ["2", "+0.600", "+1.000", "-0.800", "a", "blue", "bag"],
        ["3", "+0.000", "-0.800", "+1.000", "front.jpg"],
        [],
        ["Dimension", "2,", "clip", "1,", "url:http://x"],
    ]


def test_as_json_it_is_the_gateways_answer(command: Command, api: AdminApi) -> None:
    content = answered(api, [0.6, 0.8])
    assert json.loads(command("embed", "--text", "a red shoe", "--json").out) == content


def test_nothing_to_embed_is_refused_here(command: Command, api: AdminApi) -> None:
    done = command("embed")
    assert (done.code, done.err) == (1, "Error: What is to be embedded? Give --text or --photo.\n")
    assert api.requests == []


def test_a_photo_that_is_not_there_is_wrong_usage(command: Command, api: AdminApi) -> None:
    done = command("embed", "--photo", "none.jpg")
    assert done.code == 2
    assert "none.jpg" in done.err
    assert api.requests == []


def test_a_text_can_not_steer_the_terminal(command: Command, api: AdminApi) -> None:
    answered(api, [1.0])
    assert "\x1b" not in command("embed", "--text", "\x1b[2J[red]shoe").out


def test_a_gateway_without_such_a_model_says_so(command: Command, api: AdminApi) -> None:
    api.other = lambda method, path, query: problem(501, "not_served", "There are no embeddings here.")
    done = command("embed", "--text", "x")
    assert (done.code, done.err) == (1, "Error: 501 not_served: There are no embeddings here.\n")
