"""One stage's dead letters in a list, hidden from others while somebody looks at them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from admin.dead_letter_queue import Letter
from core.errors import Unavailable

AT_ONCE = 10
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class InMemoryDeadLetters:
    """A `DeadLetterQueue`. `letters` are those that there are, `hidden` the receipts that somebody looks at;
    `away_after` makes every delete but the first so many fail.
    """

    def __init__(self, *inspection_ids: str | None) -> None:
        self.letters = [Letter(f"m{n}", f"r{n}", each, 8, AT) for n, each in enumerate(inspection_ids)]
        self.hidden: set[str] = set()
        self.away_after: int | None = None
        self._deleted = 0

    def waiting(self) -> int:
        return len(self.letters) - len(self.hidden)

    def receive(self, most: int, hidden_s: int) -> list[Letter]:
        found = [letter for letter in self.letters if letter.receipt not in self.hidden][: min(most, AT_ONCE)]
        self.hidden |= {letter.receipt for letter in found}
        return found

    def release(self, receipts: Sequence[str]) -> None:
        self.hidden -= set(receipts)

    def delete(self, receipt: str) -> None:
        if self.away_after is not None and self._deleted >= self.away_after:
            raise Unavailable("The dead letters can't be reached at the moment.")
        self._deleted += 1
        self.letters = [letter for letter in self.letters if letter.receipt != receipt]
        self.hidden.discard(receipt)

    def ids(self) -> list[str]:
        return [letter.message_id for letter in self.letters]
