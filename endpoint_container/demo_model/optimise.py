"""What every training stage shares: the optimiser, its learning rate over a stage, and progress lines."""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

WARMUP = 50  # steps


@dataclass(frozen=True)
class Schedule:
    """How long a stage trains and how fast. `until` stops early, as if interrupted."""

    steps: int
    rate: float
    until: int | None = None


class Stage:
    """Steps one stage, the learning rate warmed up and then cooled down as a cosine over `schedule.steps`."""

    def __init__(self, name: str, parameters: Iterable[torch.nn.Parameter], schedule: Schedule) -> None:
        self.name, self.steps, self._rate = name, schedule.steps, schedule.rate
        self._until = schedule.until or schedule.steps
        self._parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self._optimiser = torch.optim.AdamW(self._parameters, lr=schedule.rate, weight_decay=0.02, betas=(0.9, 0.98))
        self._started = time.monotonic()

    def __iter__(self) -> Iterator[int]:
        for step in range(self._until):
            cooled = 0.5 * (1 + math.cos(math.pi * step / self.steps)) + 0.02
            for group in self._optimiser.param_groups:
                group["lr"] = self._rate * min(1.0, (step + 1) / WARMUP) * cooled
            yield step

    def descend(self, loss: torch.Tensor) -> None:
        """One step down the loss, the gradient clipped to norm 1."""
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()

    def report(self, step: int, **figures: object) -> None:
        """One line of progress."""
        shown = " ".join(f"{name}={value}" for name, value in figures.items())
        print(f"{self.name} {step + 1}/{self.steps} {time.monotonic() - self._started:.0f}s {shown}", flush=True)


class Tally:
    """Counts right answers by question between two progress lines."""

    def __init__(self) -> None:
        self._right: dict[str, list[float]] = {}

    def add(self, asked: list[list[str]], correct: torch.Tensor) -> None:
        """`asked[i][j]` is the question id of answer [i, j] in the bool tensor `correct`."""
        for row, hits in zip(asked, correct.tolist(), strict=True):
            for question, hit in zip(row, hits, strict=True):
                self._right.setdefault(question, []).append(hit)

    def read(self) -> dict[str, float]:
        """Accuracy by question id; counting starts anew."""
        read = {question: round(sum(hits) / len(hits), 3) for question, hits in sorted(self._right.items())}
        self._right.clear()
        return read
