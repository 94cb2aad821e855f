"""Fills the measured figures into the model card from the evaluation files beside it: `python -m demo_model.card`."""

import argparse
import json
import re
from pathlib import Path

from demo_model.artifact import ARTIFACT, CARD, write_manifest
from demo_model.evaluate import table

EVALUATIONS = ("test", "served")


def fill_card(folder: Path) -> None:
    """Put each split's table between its two markers in README.md, and renew the manifest."""
    card = folder / CARD
    text = card.read_text(encoding="utf-8")
    for split in EVALUATIONS:
        text = with_table(text, split, measured(folder, split))
    card.write_text(text, encoding="utf-8")
    write_manifest(folder)


def measured(folder: Path, split: str) -> str:
    """The table of a split, from evaluation-<split>.json."""
    content = json.loads((folder / f"evaluation-{split}.json").read_text(encoding="utf-8"))
    return table(content["questions"])


def with_table(card: str, split: str, figures: str) -> str:
    """The card's text with one table replaced. Raises ValueError where the card has no place for it."""
    start, end = f"<!-- {split} -->", f"<!-- /{split} -->"
    filled, places = re.subn(f"{start}.*?{end}", lambda _: f"{start}\n{figures}\n{end}", card, flags=re.DOTALL)
    if places != 1:
        raise ValueError(f"the card has {places} places for the table of {split!r}")
    return filled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artifact", type=Path, default=ARTIFACT)
    fill_card(parser.parse_args().artifact)


if __name__ == "__main__":
    main()
