"""Models that write, each wrong in one way, and one that is not. Their texts are the letters of the alphabet."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.description import REPORT_FIELDS, Description, DescriptionRequest, DescriptionResult, Kind
from models.errors import EndpointError
from models.inspection import Usage
from models.interface import ModelIdentity, TaskRunner
from models.writing import Draft, Ending, Teller, Unwritten
from tests.unit.endpoint_container.fakes import PicksFirst


@dataclass(eq=False)
class Text:
    limit: int
    tokens: list[int] = field(default_factory=list)
    finished: bool = False
    failure: Exception | None = None


class Letters:
    """Slots without a model: a step takes `step_s` and is only made while the gate is open."""

    def __init__(self, slots: int = 4, step_s: float = 0.0) -> None:
        self.slots = slots
        self.step_s = step_s
        self.gate = threading.Event()
        self.gate.set()
        self.texts: list[Text] = []
        self.most = 0
        self.steps = 0

    @property
    def live(self) -> int:
        return len(self.texts)

    def admit(self, draft: Draft, endings: Sequence[int]) -> list[Text]:
        texts = [Text(draft.endings[number].max_tokens) for number in endings]
        for text in texts:
            self.advance(text)
        self.texts += [text for text in texts if not text.finished]
        self.most = max(self.most, self.live)
        return texts

    def step(self) -> None:
        assert self.gate.wait(10)
        time.sleep(self.step_s)
        self.steps += 1
        for text in list(self.texts):
            self.advance(text)
            if text.finished or text.failure:
                self.texts.remove(text)

    def advance(self, text: Text) -> None:
        text.tokens.append(len(text.tokens))
        text.finished = len(text.tokens) >= text.limit

    def release(self, continuation: Any) -> None:
        if continuation in self.texts:
            self.texts.remove(continuation)


def letters(tokens: Sequence[int]) -> str:
    return "".join(chr(ord("a") + token % 26) for token in tokens)


class Writes(PicksFirst):
    """Healthy: writes as many letters as it may; and inspects."""

    identity = ModelIdentity("fake-writer", "1", "0" * 64)

    def __init__(self, writer: Letters | None = None) -> None:
        self.writer = writer or Letters()
        self.describer = Describes()

    @property
    def tasks(self) -> Mapping[str, TaskRunner[Any, Any, Any]]:
        return {"inspect": self, "describe": self.describer}


class Describes:
    """The describe task of a model that has slots."""

    def prepare(self, request: DescriptionRequest) -> DescriptionRequest:
        return request

    def teller(self, prepared: DescriptionRequest) -> Teller:
        if prepared.kind is Kind.REPORT:
            return lambda number, _, finished: {"field": REPORT_FIELDS[number].name} if finished else None
        return lambda _, tokens, __: {"text": letters(tokens[-1:])}

    def run(self, prepared: DescriptionRequest) -> Unwritten[DescriptionResult]:
        count = len(REPORT_FIELDS) if prepared.kind is Kind.REPORT else 1

        def finish(texts: Sequence[Sequence[int]], timings_ms: Mapping[str, float]) -> DescriptionResult:
            usage = Usage(len(prepared.photos), len(prepared.photos), 10, generated_tokens=sum(map(len, texts)))
            values = {"kind": "bag", "colour": "red", "material": None, "text_visible": True, "condition": "new"}
            description = Description(report=values) if count > 1 else Description(letters(texts[0]), truncated=True)
            return DescriptionResult(description, usage, {"vision": 1.0, **timings_ms})

        return Unwritten(Draft((1,), None, (Ending((2,), prepared.max_new_tokens),) * count), finish)


class WritesNaN(Letters):
    """Numbers that are not finite, for whoever may write 13 letters, at the third."""

    def advance(self, text: Text) -> None:
        super().advance(text)
        if text.limit == 13 and len(text.tokens) == 3:
            text.failure = EndpointError("model_output_invalid", "The model computed numbers that are not finite.")


class HasRoomForOne(Letters):
    """Too little memory for a second text beside another, and for 13 letters in any case."""

    def __init__(self, slots: int = 4, step_s: float = 0.0) -> None:
        super().__init__(slots, step_s)
        self.refused = 0

    def admit(self, draft: Draft, endings: Sequence[int]) -> list[Text]:
        if self.texts or draft.endings[0].max_tokens == 13:
            self.refused += 1
            raise EndpointError("out_of_memory", "Send less.", "photos")
        return super().admit(draft, endings)


class DiesWriting(Letters):
    """Takes its thread down at the third step."""

    def step(self) -> None:
        super().step()
        if self.steps == 3:
            raise SystemExit(3)
