"""Orders vary in words, never in what they say; and the truth follows from item and order."""

import json

import numpy as np

from demo_model.catalogue import COLOURS, KINDS, Item, Ordered, draw_item, draw_ordered, truth
from demo_model.checklist import read_questions
from demo_model.orders import SYNONYMS, write_order


def test_every_order_names_its_kind_and_colour() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        ordered = draw_ordered(rng, None)
        text = json.dumps(write_order(rng, ordered)).lower()
        assert ordered.colour in text
        assert any(word in text for word in SYNONYMS[ordered.kind])
        assert not [colour for colour in COLOURS if colour != ordered.colour and colour in text]


def test_truth_compares_item_and_order() -> None:
    item = Item("shoe", "red", label=True, damaged=False)
    assert truth(item, Ordered("shoe", "blue")) == {
        "item_present": "yes",
        "kind_matches": "yes",
        "colour_matches": "no",
        "label_attached": "yes",
        "damaged": "no",
        "kind": "shoe",
    }
    assert set(truth(None, Ordered("shoe", "blue")).values()) == {"no", "nothing"}


def test_truth_answers_the_checklist() -> None:
    questions = read_questions()
    answers = truth(Item(KINDS[0], "red", label=False, damaged=True), Ordered("bag", "red"))
    assert [question.id for question in questions] == list(answers)
    assert all(answers[question.id] in question.answers for question in questions)


def test_yes_and_no_are_balanced() -> None:
    rng = np.random.default_rng(1)
    counts = dict.fromkeys(("kind_matches", "colour_matches", "label_attached", "damaged"), 0)
    for _ in range(2000):
        item = draw_item(rng)
        answers = truth(item, draw_ordered(rng, item))
        for question in counts:
            counts[question] += answers[question] == "yes"
    assert all(900 < count < 1100 for count in counts.values())
