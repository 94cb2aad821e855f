"""Checklists: the shipped ones hold, inconsistent ones are refused."""

import json
from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from core import checklists
from core.checklists import FOLDER, Checklist
from core.errors import Unavailable, UnknownChecklist

REVERSE_PICKUP = json.loads((FOLDER / "reverse-pickup" / "1.json").read_text())


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*/*.json")), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_shipped_checklist_is_what_its_path_says(file: Any) -> None:
    checklist = Checklist.model_validate_json(file.read_bytes())
    assert (checklist.name, str(checklist.version)) == (file.parent.name, file.stem)
    assert checklist.photos.min_count <= checklist.photos.max_count
    thresholds = checklist.photos.thresholds
    assert thresholds.min_brightness < thresholds.max_brightness
    assert any(question.required for question in checklist.questions)


def test_latest_is_the_newest_version() -> None:
    newest = max(int(file.stem) for file in (FOLDER / "reverse-pickup").glob("*.json"))
    assert checklists.latest("reverse-pickup").version == newest
    assert checklists.load("reverse-pickup", 1).version == 1


def test_what_says_nothing_otherwise_fails() -> None:
    """As every version published before there was a choice."""
    published = checklists.load("reverse-pickup", 1).questions
    assert {question.otherwise for question in published} == {"failed"}
    assert Checklist.model_validate(changed("questions.0.otherwise", "review")).questions[0].otherwise == "review"


def test_the_guarded_checklist_asks_all_that_the_other_does_and_one_more() -> None:
    plain, guarded = checklists.load("reverse-pickup", 1), checklists.load("reverse-pickup-guarded", 1)
    (more,) = [question for question in guarded.questions if question not in plain.questions]
    assert [question for question in guarded.questions if question != more] == list(plain.questions)
    assert (more.expected, more.required, more.otherwise) == ("no", True, "review")
    assert (guarded.photos, guarded.tiles) == (plain.photos, plain.tiles)


@pytest.mark.parametrize(("name", "version"), [("reverse-pickup", 999), ("not-yet-here", 1)])
def test_a_checklist_of_newer_code_is_waited_for(name: str, version: int) -> None:
    """A worker of the release before must not use up an inspection's attempts during a roll-out."""
    with pytest.raises(Unavailable, match="does not have the checklist") as raised:
        checklists.load(name, version)
    assert not raised.value.attempted


@pytest.mark.parametrize(
    "name", ["nope", "", "..", "../checklists/reverse-pickup", "reverse-pickup/1", "Reverse-pickup"]
)
def test_unknown_name_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(UnknownChecklist, match="reverse-pickup") as raised:
        checklists.latest(name)
    assert raised.value.field == "checklist"


def changed(path: str, value: Any) -> dict[str, Any]:
    """The shipped checklist with one value replaced; `path` is dotted."""
    data: dict[str, Any] = deepcopy(REVERSE_PICKUP)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = data
    for part in way:
        place = place[part]
    place[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("questions.0.answers", ["yes", "yes"]),
        ("questions.0.answers", ["yes"]),
        ("questions.0.answers", [f"answer {n}" for n in range(27)]),
        ("questions.0.expected", "maybe"),
        ("questions.0.expected", None),
        ("questions.0.review_below", 1.1),
        ("questions.0.review_below", -0.1),
        ("questions.0.otherwise", "passed"),
        ("questions.0.otherwise", None),
        ("questions.5.otherwise", "review"),
        ("questions.0.id", "Item Present"),
        ("questions.1.id", "item_present"),
        ("questions.0.text", ""),
        ("questions", []),
        ("version", 0),
        ("photos.min_count", 0),
        ("photos.max_count", 21),
        ("photos.long_side_px", 100),
        ("photos.thresholds.max_clipped_fraction", 1.5),
        ("photos.thresholds.max_tilt_degrees", 46),
        ("photos.thresholds.min_distance_bits", 65),
        ("tiles.first", 0),
        ("tiles.first", 13),
        ("tiles.closer", [13]),
        ("tiles.closer", [1]),
        ("tiles.closer", [6, 6]),
        ("tiles.closer", None),
        ("tiles.most", 6),
        ("colour", "blue"),
        ("questions.0.colour", "blue"),
    ],
)
def test_inconsistent_checklist_is_refused(path: str, value: Any) -> None:
    Checklist.model_validate(REVERSE_PICKUP)
    with pytest.raises(ValidationError):
        Checklist.model_validate(changed(path, value))


@pytest.mark.parametrize(
    "path", ["title", "questions.0.review_below", "photos.thresholds.min_sharpness", "tiles.closer", "tiles"]
)
def test_nothing_may_be_left_out(path: str) -> None:
    data = deepcopy(REVERSE_PICKUP)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = data
    for part in way:
        place = place[part]
    del place[last]
    with pytest.raises(ValidationError):
        Checklist.model_validate(data)
