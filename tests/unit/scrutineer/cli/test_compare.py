"""`scrutineer compare` as a command."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.http_endpoint import HttpEndpoint, serving
from tests.unit.scrutineer.cli.conftest import Command

QUESTIONS = ("item_present", "kind_matches", "colour_matches", "label_attached", "damaged", "kind")
WELL = dict(zip(QUESTIONS, ("yes", "yes", "yes", "yes", "no", "shoe"), strict=True))


def answering(endpoint: HttpEndpoint, **changes: str) -> str:
    answers = [{"id": name, "answer": answer} for name, answer in {**WELL, **changes}.items()]
    endpoint.body = json.dumps({"answers": answers}).encode()
    return f"{endpoint.url}/process_request"


@pytest.fixture
def services() -> Iterator[tuple[HttpEndpoint, HttpEndpoint]]:
    with serving() as old, serving() as new:
        yield old, new


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "front.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    return str(path)


def test_two_that_agree(services: tuple[HttpEndpoint, HttpEndpoint], photo: str, command: Command) -> None:
    old, new = (answering(each) for each in services)
    done = command("compare", old, new, photo, "--item", "a shoe", "--repeat", "2")
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "passed or failed 2 2 100%" in lines
    assert "They agree everywhere." in lines
    assert [len(each.requests) for each in services] == [2, 2]


def test_two_that_differ(services: tuple[HttpEndpoint, HttpEndpoint], photo: str, command: Command) -> None:
    old, new = answering(services[0]), answering(services[1], damaged="yes")
    done = command("compare", old, new, photo, "--item", "a shoe")
    assert done.code == 3
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "front.jpg damaged no yes" in lines
    assert "front.jpg verdict passed failed" in lines
    as_json = json.loads(command("compare", old, new, photo, "--item", "a shoe", "--json").out)
    assert as_json["verdict"] == {"cases": 1, "same": 0, "share": 0.0, "undecided": 0}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "Give PHOTOS with --item, or --manifest."),
        (("PHOTO", "--manifest", "PHOTO"), "Give PHOTOS with --item, or --manifest."),
        (("PHOTO",), "--item is missing"),
        (("none.jpg", "--item", "x"), "There is no file none.jpg."),
        (("PHOTO", "--item", "x", "--checklist", "unknown"), "there is no checklist 'unknown'"),
    ],
)
def test_a_mistake_is_one_line(words: tuple[str, ...], line: str, photo: str, command: Command) -> None:
    given = [photo if word == "PHOTO" else word for word in words]
    done = command("compare", "http://127.0.0.1:9/process_request", "http://127.0.0.1:9/invocations", *given)
    assert done.code == 1
    assert line in done.err


def test_a_gateway_needs_its_key(
    photo: str, command: Command, monkeypatch: pytest.MonkeyPatch, services: tuple[HttpEndpoint, HttpEndpoint]
) -> None:
    monkeypatch.delenv("SCRUTINEER_API_KEY")
    done = command("compare", answering(services[0]), services[1].url, photo, "--item", "x")
    assert done.code == 1
    assert "SCRUTINEER_API_KEY" in done.err
