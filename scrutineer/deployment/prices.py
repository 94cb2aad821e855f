"""What AWS asks for things: `prices.toml`, where every figure has a region, a date and a source."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "prices.toml"
EVERYWHERE = "*"
HOURS = {"hour": 1.0, "month": 730.0}
ELSEWHERE = "us-east-1"  # the region that sources name most


@dataclass(frozen=True)
class Price:
    """`usd` for one of `item` in every `per`: hour, month, million or one."""

    item: str
    per: str
    usd: float
    region: str
    date: str
    source: str
    note: str = ""

    @property
    def hourly_usd(self) -> float:
        return self.usd / HOURS[self.per]


@cache
def prices() -> tuple[Price, ...]:
    return tuple(_read())


def price(item: str, region: str | None) -> Price | None:
    """In that region, or None where nobody has looked it up with a source."""
    return next((each for each in prices() if each.item == item and each.region in (region, EVERYWHERE)), None)


def price_elsewhere(item: str) -> Price | None:
    """In the region that sources name most: a hint at the size of a price that is unknown."""
    return price(item, ELSEWHERE)


def _read() -> Iterator[Price]:
    for each in tomllib.loads(FILE.read_text(encoding="utf-8"))["price"]:
        yield Price(**each)
