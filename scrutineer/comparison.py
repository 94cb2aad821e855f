"""The same inspections asked of two services: where their answers and verdicts agree, and how long each takes."""

import base64
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from scrutineer.client import Client
from scrutineer.errors import RequestFailed, UserError

DIRECT = ("/process_request", "/invocations")
DIRECT_TIMEOUT_S = 120.0  # the one-machine service takes 14-17 s, and 15 of them wait for each other
LONGEST_WAIT_S = 120


@dataclass(frozen=True)
class Case:
    """One inspection: photos on this machine, and what was ordered."""

    name: str
    photos: tuple[Path, ...]
    item: Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """What a service made of a case: an answer a question, passed, failed or another end; or `problem`, why neither."""

    latency_s: float
    answers: Mapping[str, str] = field(default_factory=dict)
    verdict: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Checklist:
    """What of a checklist a service that knows none has to be told, and what its answers should be."""

    name: str
    questions: tuple[Mapping[str, Any], ...]

    def verdict(self, answers: Mapping[str, str]) -> str:
        """By the answers alone, however sure: the services compared knew no review but what a checklist asks for."""
        wrong = [
            question.get("otherwise", "failed")
            for question in self.questions
            if question["required"] and answers.get(question["id"]) != question["expected"]
        ]
        return "failed" if "failed" in wrong else "review" if wrong else "passed"


class Service(Protocol):
    def ask(self, case: Case) -> Reply: ...


class DirectService:
    """A container, or the one-machine service: `POST …/process_request` with photos and questions in it."""

    def __init__(self, url: str, checklist: Checklist) -> None:
        self._url = url
        self._checklist = checklist

    def ask(self, case: Case) -> Reply:
        body = {
            "task": "inspect",
            "photos": [
                {"id": str(index), "data": base64.b64encode(_read(photo)).decode()}
                for index, photo in enumerate(case.photos)
            ],
            "item": dict(case.item),
            "questions": [
                {name: each[name] for name in ("id", "text", "answers")} for each in self._checklist.questions
            ],
        }
        start = time.monotonic()
        try:
            answer = httpx.post(self._url, json=body, timeout=DIRECT_TIMEOUT_S, trust_env=False)
            content = answer.json()
            found = {each["id"]: str(each["answer"]) for each in content["answers"]} if answer.is_success else {}
        except httpx.HTTPError as error:
            return Reply(time.monotonic() - start, problem=f"no answer: {error}")
        except (ValueError, KeyError, TypeError):
            return Reply(time.monotonic() - start, problem="its answer is not of this form")
        latency_s = time.monotonic() - start
        if not answer.is_success:
            return Reply(latency_s, problem=f"{answer.status_code} {content.get('code', '')}".strip())
        return Reply(latency_s, found, self._checklist.verdict(found))


class GatewayService:
    """Scrutineer's gateway: its checklist, its pre-checks and its rules give the verdict."""

    def __init__(self, url: str, key: str, checklist: Checklist) -> None:
        self._client = Client(url, key)
        self._checklist = checklist

    def ask(self, case: Case) -> Reply:
        start = time.monotonic()
        try:
            inspection = self._client.inspect(
                list(case.photos), item=case.item, checklist=self._checklist.name, wait_s=LONGEST_WAIT_S
            )
        except RequestFailed as error:
            return Reply(time.monotonic() - start, problem=str(error))
        latency_s = time.monotonic() - start
        verdict = inspection["verdict"]
        if not inspection["final"]:
            return Reply(latency_s, problem=f"not final after {LONGEST_WAIT_S} s ({inspection['state']})")
        answers = {each["question_id"]: each["answer"] for each in verdict["answers"]} if verdict else {}
        return Reply(latency_s, answers, inspection["state"])


def is_direct(url: str) -> bool:
    """Whether the address is a container's, by its path; a gateway's ends in its stage."""
    return urlsplit(url).path.rstrip("/").endswith(DIRECT)


@dataclass(frozen=True)
class Pair:
    case: Case
    old: Reply
    new: Reply


def compared(
    cases: Sequence[Case], old: Service, new: Service, asked: Callable[[int], None] = lambda number: None
) -> list[Pair]:
    """One after the other, first the old one and then the new one: neither is loaded by the comparison itself."""
    pairs = []
    for number, case in enumerate(cases, 1):
        asked(number)
        pairs.append(Pair(case, old.ask(case), new.ask(case)))
    return pairs


def agreement(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Shares of the cases that both answered: a question a row, the verdict, the cases that differ, the latencies."""
    both = [pair for pair in pairs if pair.old.problem is None and pair.new.problem is None]
    questions = list(
        dict.fromkeys(question for pair in both for question in pair.old.answers if question in pair.new.answers)
    )
    rows = []
    for question in questions:
        asked = [pair for pair in both if question in pair.old.answers and question in pair.new.answers]
        same = sum(pair.old.answers[question] == pair.new.answers[question] for pair in asked)
        rows.append({"question": question, "cases": len(asked), "same": same, "share": same / len(asked)})
    decided = [
        pair for pair in both if pair.old.verdict in ("passed", "failed") and pair.new.verdict in ("passed", "failed")
    ]
    same = sum(pair.old.verdict == pair.new.verdict for pair in decided)
    return {
        "cases": len(pairs),
        "unanswered": {
            "old": sum(pair.old.problem is not None for pair in pairs),
            "new": sum(pair.new.problem is not None for pair in pairs),
        },
        "questions": rows,
        "verdict": {
            "cases": len(decided),
            "same": same,
            "share": same / len(decided) if decided else None,
            "undecided": len(both) - len(decided),
        },
        "differences": list(_differences(pairs)),
        "latency_s": {"old": _latency([pair.old for pair in pairs]), "new": _latency([pair.new for pair in pairs])},
    }


def read_checklist(folder: Path, name: str) -> Checklist:
    """The newest version in `functions/checklists/NAME/`. Raises UserError."""
    versions = sorted((folder / name).glob("*.json"), key=lambda path: int(path.stem) if path.stem.isdigit() else -1)
    if not versions:
        raise UserError(f"--checklist: there is no checklist {name!r} in {folder}.")
    content = json.loads(versions[-1].read_text(encoding="utf-8"))
    return Checklist(name, tuple(content["questions"]))


def read_cases(file: Path) -> list[Case]:
    """A manifest as `scrutineer batch submit` takes it: JSON Lines, photos as `{"path": FILE}` from its folder.

    Raises UserError, naming the line.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} can't be read as text: {error}") from error
    cases = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            photos = tuple(file.parent / photo["path"] for photo in content["photos"])
            case = Case(str(content.get("reference") or f"line {number}"), photos, dict(content["item"]))
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f'{file}, line {number}: needs photos as {{"path": FILE}} and an item.') from error
        missing = next((photo for photo in photos if not photo.is_file()), None)
        if missing is not None:
            raise UserError(f"{file}, line {number}: {missing} is no file.")
        cases.append(case)
    if not cases:
        raise UserError(f"{file} has no lines.")
    return cases


def _differences(pairs: Sequence[Pair]) -> Iterator[dict[str, Any]]:
    for pair in pairs:
        if pair.old.problem is not None or pair.new.problem is not None:
            yield {
                "case": pair.case.name,
                "what": "answered",
                "old": pair.old.problem or "yes",
                "new": pair.new.problem or "yes",
            }
            continue
        for question, answer in pair.old.answers.items():
            if question in pair.new.answers and pair.new.answers[question] != answer:
                yield {"case": pair.case.name, "what": question, "old": answer, "new": pair.new.answers[question]}
        if pair.old.verdict != pair.new.verdict:
            yield {"case": pair.case.name, "what": "verdict", "old": pair.old.verdict, "new": pair.new.verdict}


def _latency(replies: Sequence[Reply]) -> dict[str, float] | None:
    """Of the answered ones, in seconds; None where there are none."""
    answered = sorted(reply.latency_s for reply in replies if reply.problem is None)
    if not answered:
        return None
    nearly_last = answered[min(len(answered) - 1, int(0.95 * len(answered)))]
    return {"median": statistics.median(answered), "p95": nearly_last, "longest": answered[-1]}


def _read(photo: Path) -> bytes:
    try:
        return photo.read_bytes()
    except OSError as error:
        raise UserError(f"{photo}: {error.strerror}") from error
