"""Two services side by side: what is the same, what differs, and who did not answer."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scrutineer.comparison import (
    Case,
    Checklist,
    DirectService,
    Pair,
    Reply,
    agreement,
    compared,
    is_direct,
    read_cases,
    read_checklist,
)
from scrutineer.errors import UserError
from scrutineer.local.settings import ROOT
from tests.fakes.http_endpoint import HttpEndpoint, serving

CHECKLIST = Checklist(
    "c",
    (
        {"id": "there", "text": "Is it there?", "answers": ["yes", "no"], "expected": "yes", "required": True},
        {"id": "kind", "text": "What is it?", "answers": ["shoe", "bag"], "expected": None, "required": False},
        {"id": "tidy", "text": "Is it tidy?", "answers": ["yes", "no"], "expected": "yes", "required": False},
    ),
)


@pytest.fixture
def endpoint() -> Iterator[HttpEndpoint]:
    with serving() as running:
        yield running


@pytest.fixture
def case(tmp_path: Path) -> Case:
    photo = tmp_path / "front.jpg"
    photo.write_bytes(b"\xff\xd8\xff")
    return Case("waybill 1", (photo,), {"description": "a shoe"})


@pytest.mark.parametrize(
    ("url", "direct"),
    [
        ("http://10.0.0.5:8000/process_request", True),
        ("http://127.0.0.1:8080/invocations/", True),
        ("https://x.execute-api.eu-west-1.amazonaws.com/dev", False),
        ("http://127.0.0.1:8700/dev", False),
    ],
)
def test_which_kind_of_service_it_is(url: str, direct: bool) -> None:
    assert is_direct(url) is direct


def test_the_old_service_is_asked_in_its_own_form(endpoint: HttpEndpoint, case: Case) -> None:
    endpoint.body = json.dumps(
        {"answers": [{"id": "there", "answer": "yes"}, {"id": "kind", "answer": "bag"}, {"id": "tidy", "answer": "no"}]}
    ).encode()
    reply = DirectService(f"{endpoint.url}/process_request", CHECKLIST).ask(case)
    assert (reply.answers, reply.verdict) == ({"there": "yes", "kind": "bag", "tidy": "no"}, "passed")
    ((path, _, body),) = endpoint.requests
    sent = json.loads(body)
    assert path == "/process_request"
    assert sent["item"] == {"description": "a shoe"}
    assert [set(question) for question in sent["questions"]] == [{"id", "text", "answers"}] * 3
    assert sent["photos"] == [{"id": "0", "data": "/9j/"}]


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (503, b'{"code": "not_ready"}', "503 not_ready"),
        (200, b"<html>", "its answer is not of this form"),
        (200, b'{"result": "pass"}', "its answer is not of this form"),
        (200, b'{"answers": ["pass"]}', "its answer is not of this form"),
    ],
)
def test_a_service_that_does_not_answer_is_no_error_of_ours(
    status: int, body: bytes, problem: str, endpoint: HttpEndpoint, case: Case
) -> None:
    endpoint.status, endpoint.body = status, body
    assert DirectService(f"{endpoint.url}/process_request", CHECKLIST).ask(case).problem == problem


def test_nobody_is_there(case: Case) -> None:
    reply = DirectService("http://127.0.0.1:9/process_request", CHECKLIST).ask(case)
    assert reply.problem is not None
    assert reply.problem.startswith("no answer: ")


@dataclass
class FakeService:
    replies: list[Reply]
    asked: list[str] = field(default_factory=list)

    def ask(self, case: Case) -> Reply:
        self.asked.append(case.name)
        return self.replies[len(self.asked) - 1]


def cases(*names: str) -> list[Case]:
    return [Case(name, (), {}) for name in names]


def test_what_agrees_and_what_does_not() -> None:
    old = FakeService(
        [
            Reply(15.0, {"there": "yes", "kind": "shoe"}, "passed"),
            Reply(16.0, {"there": "yes", "kind": "bag"}, "passed"),
            Reply(14.0, {"there": "no", "kind": "bag"}, "failed"),
            Reply(1.0, problem="503 not_ready"),
        ]
    )
    new = FakeService(
        [
            Reply(2.0, {"there": "yes", "kind": "shoe"}, "passed"),
            Reply(3.0, {"there": "no", "kind": "bag"}, "failed"),
            Reply(1.0, {}, "rejected"),
            Reply(2.5, {"there": "yes"}, "passed"),
        ]
    )
    numbers: list[int] = []
    found = agreement(compared(cases("a", "b", "c", "d"), old, new, asked=numbers.append))
    assert numbers == [1, 2, 3, 4]
    assert old.asked == new.asked == ["a", "b", "c", "d"]
    assert found["unanswered"] == {"old": 1, "new": 0}
    assert found["questions"] == [
        {"question": "there", "cases": 2, "same": 1, "share": 0.5},
        {"question": "kind", "cases": 2, "same": 2, "share": 1.0},
    ]
    assert found["verdict"] == {"cases": 2, "same": 1, "share": 0.5, "undecided": 1}
    assert found["differences"] == [
        {"case": "b", "what": "there", "old": "yes", "new": "no"},
        {"case": "b", "what": "verdict", "old": "passed", "new": "failed"},
        {"case": "c", "what": "verdict", "old": "failed", "new": "rejected"},
        {"case": "d", "what": "answered", "old": "503 not_ready", "new": "yes"},
    ]
    assert found["latency_s"]["old"] == {"median": 15.0, "p95": 16.0, "longest": 16.0}
    assert found["latency_s"]["new"] == {"median": 2.25, "p95": 3.0, "longest": 3.0}


def test_nobody_answered_anything() -> None:
    nothing = Reply(1.0, problem="no answer")
    found = agreement([Pair(each, nothing, nothing) for each in cases("a")])
    assert (found["questions"], found["verdict"]["share"], found["latency_s"]) == ([], None, {"old": None, "new": None})


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [({"there": "yes", "tidy": "no"}, "passed"), ({"there": "no"}, "failed"), ({}, "failed")],
)
def test_a_verdict_by_answers_alone(answers: dict[str, str], verdict: str) -> None:
    assert CHECKLIST.verdict(answers) == verdict


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ({"there": "yes", "note": "no"}, "passed"),
        ({"there": "yes", "note": "yes"}, "review"),
        ({"there": "no", "note": "yes"}, "failed"),
    ],
)
def test_a_checklist_may_send_an_answer_to_a_person(answers: dict[str, str], verdict: str) -> None:
    note = {"id": "note", "text": "Is there a note?", "answers": ["yes", "no"], "expected": "no", "required": True}
    guarded = Checklist("c", (*CHECKLIST.questions, note | {"otherwise": "review"}))
    assert guarded.verdict(answers) == verdict


def test_the_repositorys_checklist() -> None:
    found = read_checklist(ROOT / "functions" / "checklists", "reverse-pickup")
    assert "item_present" in [question["id"] for question in found.questions]
    with pytest.raises(UserError, match="no checklist 'unknown'"):
        read_checklist(ROOT / "functions" / "checklists", "unknown")


def test_a_manifest(tmp_path: Path, case: Case) -> None:
    lines: list[dict[str, Any]] = [
        {"reference": "waybill 1", "item": {"description": "a shoe"}, "photos": [{"path": "front.jpg"}]},
        {"item": {"description": "a bag"}, "photos": [{"path": "front.jpg"}, {"path": "front.jpg"}]},
    ]
    file = tmp_path / "inspections.jsonl"
    file.write_text("\n\n".join(json.dumps(line) for line in lines))
    first, second = read_cases(file)
    assert first == case
    assert (second.name, len(second.photos)) == ("line 3", 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no lines"),
        ("{", "line 1: needs photos"),
        ('{"item": {"description": "x"}, "photos": [{"url": "https://x/y.jpg"}]}', "line 1: needs photos"),
        ('{"item": {"description": "x"}, "photos": [{"path": "none.jpg"}]}', "none.jpg is no file"),
    ],
)
def test_a_manifest_with_a_mistake(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "inspections.jsonl"
    file.write_text(text)
    with pytest.raises(UserError, match=words):
        read_cases(file)
