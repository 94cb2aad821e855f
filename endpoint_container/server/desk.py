"""Where texts are written: which jobs wait for slots, what their clients are told, and when a result is whole."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from models.errors import EndpointError, ModelDefunct
from models.writing import Continuation, Unwritten, Writer
from server.line import Done, Job, Progress
from server.metrics import Metrics
from server.model_failure import as_failure


@dataclass(eq=False)
class Piece:
    """One job's text in the making; `texts` are those of its endings that have been admitted, in order."""

    job: Job
    unwritten: Unwritten[Any]
    queue_s: float
    since: float = field(default_factory=perf_counter)
    texts: list[Continuation] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    prefill_s: float = 0.0
    first_token: float = 0.0
    # Slots that were in use when there was no memory for this one: it is tried again once there are fewer.
    tried_beside: int | None = None

    @property
    def following(self) -> range:
        """The endings that still wait for a slot."""
        return range(len(self.texts), len(self.unwritten.draft.endings))


class Desk:
    """The writer's slots and who is in them, first come, first served. Used by the model thread only."""

    def __init__(self, writer: Writer | None, metrics: Metrics) -> None:
        self._writer = writer
        self._metrics = metrics
        self._pieces: list[Piece] = []

    @property
    def busy(self) -> bool:
        return bool(self._pieces)

    @property
    def slots_in_use(self) -> int:
        return 0 if self._writer is None else self._writer.live

    def add(self, job: Job, unwritten: Unwritten[Any], queue_s: float) -> None:
        """Take in a result that lacks text; its job's future is settled once it is whole."""
        self._pieces.append(Piece(job, unwritten, queue_s))

    def turn(self) -> None:
        """Let who hung up go and at most one newcomer in, then write one token of every text.

        Raises ModelDefunct. A piece that fails otherwise fails alone.
        """
        if self._writer is None:
            raise TypeError("a result lacks text, and the model has no writer")
        for piece in [piece for piece in self._pieces if piece.job.gone]:
            self._remove(piece, self._writer)
        self._admit(self._writer)
        if self._writer.live:
            started = perf_counter()
            self._writer.step()
            self._metrics.decode_s.inc(perf_counter() - started)
        for piece in list(self._pieces):
            self._settle(piece, self._writer)

    def abandon(self, failure: EndpointError) -> None:
        """Nothing will be written any more: say so to all."""
        for piece in self._pieces:
            piece.job.future.set_exception(failure)
        self._pieces = []

    def _admit(self, writer: Writer) -> None:
        """Only one piece a turn: nobody who is written waits for more than one to be read."""
        piece = next((piece for piece in self._pieces if piece.following), None)
        if piece is None or not self._fits(piece, writer):
            return
        numbers = piece.following[: writer.slots]
        started = perf_counter()
        try:
            piece.texts += writer.admit(piece.unwritten.draft, numbers)
        except ModelDefunct:
            raise
        except Exception as error:
            failure = as_failure(error)
            if failure.code == "out_of_memory" and writer.live:
                piece.tried_beside = writer.live
            else:
                self._fail(piece, failure, writer)
            return
        now = perf_counter()
        piece.prefill_s += now - started
        self._metrics.prefill_s.inc(now - started)
        if not piece.first_token:
            piece.first_token = now
            piece.queue_s += started - piece.since
            self._metrics.first_token_s.observe(now - piece.job.submitted)
        self._tell(piece)

    def _fits(self, piece: Piece, writer: Writer) -> bool:
        if piece.tried_beside is not None and writer.live >= piece.tried_beside:
            return False
        # All endings at once, so that what they share is read once; unless there are more of them than slots.
        return writer.slots - writer.live >= min(len(piece.following), writer.slots)

    def _settle(self, piece: Piece, writer: Writer) -> None:
        """Tell what is new, and hand over what is whole or failed."""
        if failed := next((text.failure for text in piece.texts if text.failure is not None), None):
            self._fail(piece, as_failure(failed), writer)
            return
        self._tell(piece)
        if piece.following or not all(text.finished for text in piece.texts):
            return
        tokens = [text.tokens for text in piece.texts]
        try:
            value = piece.unwritten.finish(tokens, _timings_ms(piece))
        except Exception as error:
            self._fail(piece, as_failure(error), writer)
            return
        self._remove(piece, writer)
        piece.job.future.set_result(Done(value, piece.queue_s * 1000))

    def _tell(self, piece: Piece) -> None:
        if piece.job.listener is None:
            return
        piece.told += [0] * (len(piece.texts) - len(piece.told))
        for number, text in enumerate(piece.texts):
            if len(text.tokens) > piece.told[number]:
                piece.told[number] = len(text.tokens)
                piece.job.listener(Progress(number, tuple(text.tokens), text.finished))

    def _fail(self, piece: Piece, failure: EndpointError, writer: Writer) -> None:
        self._remove(piece, writer)
        piece.job.future.set_exception(failure)

    def _remove(self, piece: Piece, writer: Writer) -> None:
        for text in piece.texts:
            writer.release(text)
        self._metrics.generated.inc(_length(piece.texts))
        self._pieces.remove(piece)


def _length(texts: Sequence[Continuation]) -> int:
    return sum(len(text.tokens) for text in texts)


def _timings_ms(piece: Piece) -> dict[str, float]:
    return {"prefill": piece.prefill_s * 1000, "generate": (perf_counter() - piece.first_token) * 1000}
