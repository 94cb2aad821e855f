"""A model endpoint that gives every question its expected answer."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from core import checklists
from core.endpoint import Answered

MODEL = {"name": "fake", "version": "1", "digest": "sha256:0"}


def answer_to(body: bytes, probability: float = 0.97, instead: Mapping[str, str] | None = None) -> bytes:
    """The container's answer to `body`: what the checklist expects, but for the question ids in `instead`."""
    chosen = dict(instead or {})
    return json.dumps(
        {
            "answers": [
                {"id": question["id"], **_answer(question, chosen.get(question["id"]), probability)}
                for question in json.loads(body)["questions"]
            ],
            "explanation": None,
            "model": MODEL,
            "usage": {"photos": 3, "tiles": 3, "prompt_tokens": 100, "generated_tokens": 0},
            "timings_ms": {"prefill": 1.5},
        }
    ).encode()


class FakeEndpoint:
    """An `Endpoint`. `asked` holds (inspection id, body) of every call; `answer` may be replaced, and may raise."""

    def __init__(self, answer: Callable[[bytes], bytes] = answer_to) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.timeouts_s: list[float | None] = []
        self.answer = answer

    def invoke(self, body: bytes, inference_id: str, timeout_s: float | None = None) -> Answered:
        self.timeouts_s.append(timeout_s)
        self.asked.append((inference_id, body))
        return Answered(self.answer(body), "fake:endpoint")


def _answer(question: Mapping[str, Any], chosen: str | None, probability: float) -> dict[str, Any]:
    answers = question["answers"]
    if chosen is None:
        expected = {each.id: each.expected for each in checklists.latest("reverse-pickup").questions}
        chosen = expected.get(question["id"]) or answers[0]
    rest = (1 - probability) / (len(answers) - 1)
    return {"answer": chosen, "probabilities": {each: probability if each == chosen else rest for each in answers}}
