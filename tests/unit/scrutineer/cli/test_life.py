"""`scrutineer cancel` and `scrutineer events`, against a gateway that answers as ours does."""

import json
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tests.unit.scrutineer.cli.admin_api import AdminApi, problem
from tests.unit.scrutineer.cli.conftest import Command

ID = "insp_" + "d" * 26
EVENTS: list[dict[str, Any]] = [
    {"id": 1, "state": "accepted", "final": False, "code": None, "at": "2026-11-21T09:30:00Z"},
    {"id": 2, "state": "prechecked", "final": False, "code": None, "at": "2026-11-21T09:30:01.5Z"},
    {"id": 3, "state": "error", "final": True, "code": "endpoint_unavailable", "at": "2026-11-21T09:30:02Z"},
]
CANCELLED = {
    "id": ID,
    "state": "cancelled",
    "final": True,
    "checklist": {"name": "reverse-pickup", "version": 1},
    "item": {"description": "red shoe"},
    "reference": None,
    "photos": [],
    "verdict": None,
    "failure": {"code": "cancelled", "detail": "Its client cancelled it."},
    "held_until": None,
    "reused_from": None,
    "timings_ms": {},
}


def blocks(*events: dict[str, Any]) -> str:
    return "retry: 1\n\n" + "".join(f"id: {event['id']}\ndata: {json.dumps(event)}\n\n" for event in events)


class Stream:
    """One answer after the other, each as it is asked for."""

    def __init__(self, api: AdminApi, *answers: Response) -> None:
        self._answers = list(answers)
        self.paths: list[str] = []
        api.other = self

    def __call__(self, method: str, path: str, query: dict[str, str]) -> Response:
        self.paths.append(path)
        return self._answers.pop(0)


def stream(text: str) -> Response:
    return Response(text, media_type="text/event-stream")


def test_cancel_shows_what_became_of_it(command: Command, api: AdminApi) -> None:
    api.other = lambda method, path, query: JSONResponse(CANCELLED)
    done = command("cancel", ID)
    assert done.code == 0
    assert "cancelled" in done.out.lower()
    assert [request[:2] for request in api.requests] == [("POST", f"/v1/inspections/{ID}/cancel")]
    assert json.loads(command("cancel", ID, "--json").out) == CANCELLED


def test_cancel_that_comes_too_late(command: Command, api: AdminApi) -> None:
    api.other = lambda method, path, query: problem(409, "already_final", "The inspection is passed.")
    done = command("cancel", ID)
    assert (done.code, done.err) == (1, "Error: 409 already_final: The inspection is passed.\n")


@pytest.mark.parametrize("words", [("cancel", ".."), ("events", ".."), ("events", "..", "--follow"), ("cancel", "")])
def test_an_id_never_leads_to_another_route(command: Command, api: AdminApi, words: tuple[str, ...]) -> None:
    assert command(*words).code == 1
    assert api.requests == []


def test_events_as_a_table_and_as_json(command: Command, api: AdminApi) -> None:
    api.other = lambda method, path, query: JSONResponse({"events": EVENTS})
    lines = command("events", ID).out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["2026-11-21", "09:30:00", "accepted", "–"],
        ["2026-11-21", "09:30:01", "prechecked", "–"],
        ["2026-11-21", "09:30:02", "error", "endpoint_unavailable"],
    ]
    assert json.loads(command("events", ID, "--json").out) == {"events": EVENTS}


def test_followed_to_the_end(command: Command, api: AdminApi) -> None:
    nothing_new = stream("retry: 1\n\n: nothing new\n\n")
    answers = Stream(api, stream(blocks(EVENTS[0])), nothing_new, stream(blocks(*EVENTS[1:])))
    done = command("events", ID, "--follow")
    assert (done.code, len(answers.paths)) == (0, 3)
    assert done.out.splitlines() == [
        "2026-11-21 09:30:00  accepted",
        "2026-11-21 09:30:01  prechecked",
        "2026-11-21 09:30:02  error  endpoint_unavailable",
    ]


def test_followed_as_lines_of_json(command: Command, api: AdminApi) -> None:
    Stream(api, stream(blocks(*EVENTS)))
    assert [json.loads(line) for line in command("events", ID, "--follow", "--json").out.splitlines()] == EVENTS


def test_a_stream_that_is_at_its_end(command: Command, api: AdminApi) -> None:
    Stream(api, Response(status_code=204))
    assert command("events", ID, "--follow").out == ""


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (problem(404, "not_found", "There is no such inspection."), "404 not_found: There is no such inspection."),
        (JSONResponse({"events": []}), "is this the address of a Scrutineer?"),
        (stream("data: no JSON\n\n"), "is this the address of a Scrutineer?"),
    ],
)
def test_what_is_no_stream(command: Command, api: AdminApi, answer: Response, told: str) -> None:
    Stream(api, answer)
    done = command("events", ID, "--follow")
    assert done.code == 1
    assert told in done.err
