"""`scrutineer describe`: each kind sends what the contract takes, and what a model wrote can't steer the terminal."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse

from descriptions.contract import Description, DescriptionInput
from tests.unit.scrutineer.cli.admin_api import AdminApi, problem
from tests.unit.scrutineer.cli.conftest import Command

ROUTE: tuple[str, str, dict[str, str]] = ("POST", "/v1/descriptions", {})
MODEL = {"name": "blip", "version": "1", "digest": "sha256:b"}
REPORT = {"kind": "shoe", "colour": "red", "material": None, "text_visible": False, "condition": "new"}


def answered(api: AdminApi, **described: Any) -> dict[str, Any]:
    """Have the gateway answer with this."""
    answer = {"kind": "caption", "model": MODEL, "served_by": "url:http://x", **described}
    content = Description.model_validate(answer).model_dump(mode="json")
    api.other = lambda method, path, query: JSONResponse(content)
    return content


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "front.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    return str(path)


@pytest.mark.parametrize(
    ("words", "kind", "question", "described", "lines"),
    [
        ([], "caption", None, {"text": "a red shoe"}, ["a red shoe"]),
        (["--question", "Worn?"], "question", "Worn?", {"text": "no\nnot at all"}, ["no", "not at all"]),
        (
            ["--report"],
            "report",
            None,
            {"report": REPORT},
            ["kind shoe", "colour red", "material –", "text_visible no", "condition new"],
        ),
        ([], "caption", None, {"text": ""}, ["(no words)"]),
    ],
)
def test_each_kind(
    words: list[str],
    kind: str,
    question: str | None,
    described: dict[str, Any],
    lines: list[str],
    command: Command,
    api: AdminApi,
    photo: str,
) -> None:
    answered(api, kind=kind, **described)
    done = command("describe", photo, photo, *words)
    assert (done.code, done.err) == (0, "")
    ((*route, body),) = api.requests
    assert tuple(route) == ROUTE
    sent = DescriptionInput.model_validate(body)
    assert (sent.kind, sent.question) == (kind, question)
    assert [(each.name, base64.b64decode(each.data)) for each in sent.photos] == [("front.jpg", b"\xff\xd8\xff")] * 2
    assert [" ".join(line.split()) for line in done.out.splitlines()] == [*lines, "", "blip 1, url:http://x"]


def test_as_json_it_is_the_gateways_answer(command: Command, api: AdminApi, photo: str) -> None:
    content = answered(api, text="a red shoe")
    assert json.loads(command("describe", photo, "--json").out) == content


def test_a_text_that_was_cut_off_is_told_beside_it(command: Command, api: AdminApi, photo: str) -> None:
    answered(api, text="a red", truncated=True)
    done = command("describe", photo)
    assert done.code == 0
    assert "cut off" in done.err
    assert "cut off" not in done.out


def test_what_a_model_wrote_can_not_steer_the_terminal(command: Command, api: AdminApi, photo: str) -> None:
    answered(api, text="\x1b]0;owned\x07[red]a shoe")
    caption = command("describe", photo).out
    answered(api, kind="report", report={**REPORT, "colour": "\x1b[2Jred"})
    report = command("describe", photo, "--report").out
    assert "[red]a shoe" in caption
    assert "\x1b" not in caption + report
    assert "\x07" not in caption


def test_a_question_and_a_report_are_not_asked_at_once(command: Command, api: AdminApi, photo: str) -> None:
    done = command("describe", photo, "--report", "--question", "Worn?")
    assert (done.code, done.err) == (1, "Error: Give --question or --report, not both.\n")
    assert api.requests == []


def test_a_problem_is_one_line(command: Command, api: AdminApi, photo: str) -> None:
    api.other = lambda method, path, query: problem(400, "invalid_photo", "Not a photo.", field="photos[0].data")
    done = command("describe", photo)
    assert (done.code, done.out) == (1, "")
    assert done.err == "Error: 400 invalid_photo: Not a photo. (field photos[0].data)\n"
