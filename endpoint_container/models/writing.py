"""Text that a model writes token by token: what is asked of it, what has come of it, and a result that waits for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from models.interface import FollowUp

Result = TypeVar("Result")
# Makes something to tell a client of the tokens behind one ending so far, and whether they are all; None: nothing yet.
Teller = Callable[[int, Sequence[int], bool], Mapping[str, object] | None]


@dataclass(frozen=True)
class Ending:
    """The last tokens of a prompt, and how far the model may go on behind them.

    Where `choices` are given, it writes just one token, the most probable one of them.
    """

    ids: tuple[int, ...]
    max_tokens: int
    choices: tuple[int, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A prompt with one or more endings, which share `prefix` and do not see each other.

    `features` [image tokens, hidden], a tensor, stand in the places of the prefix's image tokens.
    """

    prefix: tuple[int, ...]
    features: Any
    endings: tuple[Ending, ...]

    @property
    def longest(self) -> int:
        """Positions that the longest ending needs with all that may be written behind it."""
        return len(self.prefix) + max(len(ending.ids) + ending.max_tokens for ending in self.endings)


@dataclass(frozen=True)
class Unwritten(Generic[Result]):
    """A result that lacks text: `finish` makes it of the tokens behind each ending, and of the timings in ms."""

    draft: Draft
    finish: Callable[[Sequence[Sequence[int]], Mapping[str, float]], Result]


class Continuation(Protocol):
    """What the model wrote behind one ending so far; `failure` says why it ended too soon."""

    @property
    def tokens(self) -> Sequence[int]: ...

    @property
    def finished(self) -> bool: ...

    @property
    def failure(self) -> Exception | None: ...


class Writer(Protocol):
    """Writes several texts at once, each in a slot of its own; called from the model thread only."""

    @property
    def slots(self) -> int: ...

    @property
    def live(self) -> int:
        """Slots in use."""

    def admit(self, draft: Draft, endings: Sequence[int]) -> Sequence[Continuation]:
        """Read a draft and write the first token behind some of its endings; at most as many as slots are free.

        If it raises, no slot was taken; anything but ModelDefunct concerns this draft alone.
        """

    def step(self) -> None:
        """Write one more token of every live continuation; who finished or failed has left its slot."""

    def release(self, continuation: Continuation) -> None:
        """Free the slot of one that nobody wants any more."""


@runtime_checkable
class WritingModel(Protocol):
    """A model whose runners may return Unwritten results."""

    @property
    def writer(self) -> Writer | None:
        """None where writing is turned off."""


@runtime_checkable
class StreamingRunner(Protocol):
    """A runner whose text can be told while it is written."""

    def teller(self, prepared: Any) -> Teller:
        """For one request; called outside the model thread."""


@runtime_checkable
class ExplainingRunner(Protocol):
    """A runner whose results may be explained by a job of its own, once they are final."""

    def explanation(self, request: Any, result: Any) -> FollowUp | None:
        """What writes the explanation, or None if the request wants none."""

    def explained(self, result: Any, later: Any) -> Any:
        """A result with what the follow-up wrote."""


def write(writer: Writer, unwritten: Unwritten[Result]) -> Result:
    """Write one result to its end with nobody else around. Raises what a continuation failed of."""
    texts: list[Continuation] = []
    while len(texts) < len(unwritten.draft.endings):
        following = range(len(texts), min(len(texts) + writer.slots, len(unwritten.draft.endings)))
        texts += writer.admit(unwritten.draft, following)
        while writer.live:
            writer.step()
    for text in texts:
        if text.failure is not None:
            raise text.failure
    return unwritten.finish([text.tokens for text in texts], {})
