"""Identifiers: opaque, distinct, recognisable."""

import re

import pytest
from pydantic import ValidationError

from core.identifiers import is_identifier, new_identifier
from core.queues import StageMessage


def test_new_ones_differ_and_are_recognised() -> None:
    made = {new_identifier("insp") for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"insp_[a-z2-7]{26}", each) and is_identifier(each, "insp") for each in made)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "insp_",
        "insp_" + "a" * 25,
        "insp_" + "a" * 27,
        "insp_" + "A" * 26,
        "insp_" + "1" * 26,
        "key_" + "a" * 26,
        "insp_" + "a" * 26 + "\n",
        "' OR 1=1 --",
    ],
)
def test_others_are_not(text: str) -> None:
    assert not is_identifier(text, "insp")
    with pytest.raises(ValidationError):
        StageMessage(inspection_id=text)
