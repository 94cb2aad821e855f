"""Scoring is greedy decoding that may write nothing but the listed answers: against plain transformers' `generate`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import GotOcr2ImageProcessorPil, InternVLForConditionalGeneration

from models.inspection import Answer, Inspection, Question
from models.interface import ModelOptions
from models.internvl.loaded import InternVL
from models.internvl.loader import load
from models.internvl.prompt import LETTERS, item_block, photo_block, question_suffix, shared_prefix

TOLERANCE = 1e-4
MB = 1024 * 1024
WORDS = ("yes", "no", "not visible", "shirt", "shoe", "the red shoe", "a bag", "book", "a", "42 wide", "42 narrow", "é")
TEXT = st.text(alphabet="abcdef XYZ?!.,0123é", min_size=1, max_size=60).map(lambda text: f"Q{text}")
QUESTIONS = st.lists(
    st.tuples(TEXT, st.lists(st.sampled_from(WORDS), min_size=2, max_size=7, unique=True)), min_size=1, max_size=4
)


@pytest.fixture(scope="module")
def plain(checkpoint: Path) -> InternVLForConditionalGeneration:
    """The checkpoint as transformers alone loads it."""
    model: InternVLForConditionalGeneration = InternVLForConditionalGeneration.from_pretrained(checkpoint)
    model.train(False)
    return model


@pytest.fixture(scope="module")
def caching(checkpoint: Path) -> InternVL:
    return load(ModelOptions(checkpoint, threads=1, device="cpu", photo_cache_bytes=MB, prefix_cache_bytes=MB))


@pytest.mark.parametrize("cached", [False, True])
def test_the_answer_is_what_constrained_greedy_decoding_writes(
    internvl: InternVL,
    caching: InternVL,
    plain: InternVLForConditionalGeneration,
    inspection: Callable[..., Inspection],
    cached: bool,
) -> None:
    inspector = (caching if cached else internvl).inspector
    seen = {"words": 0, "letters": 0, "several tokens": 0}

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(QUESTIONS, TEXT, st.lists(st.integers(0, 5), min_size=1, max_size=2))
    def check(drawn: list[tuple[str, list[str]]], description: str, seeds: list[int]) -> None:
        questions = tuple(Question(f"q{n}", text, tuple(answers)) for n, (text, answers) in enumerate(drawn))
        request = replace(inspection(*seeds, description=description), questions=questions)
        result = inspector.run(inspector.prepare(request))
        for question, answer in zip(questions, result.answers, strict=True):
            lettered = spells_alike(internvl, question)
            written, first_step = decode(internvl, plain, request, question, lettered)
            assert furthest(answer, first_step) <= TOLERANCE
            best, second = sorted(first_step, reverse=True)[:2]
            # Where two answers are as good as equal, rounding decides.
            assert answer.answer == question.answers[written] or best - second <= TOLERANCE
            seen["letters" if lettered else "words"] += 1
            seen["several tokens"] += not lettered and " " in question.answers[written]

    check()
    assert all(seen.values()), f"the examples must show every kind: {seen}"


def spells_alike(loaded: InternVL, question: Question) -> bool:
    """Whether two answers begin with the same token."""
    encode = loaded.inspector.encoder.tokenizer.encode
    return len({encode(answer, add_special_tokens=False)[0] for answer in question.answers}) < len(question.answers)


@torch.inference_mode()
def decode(
    loaded: InternVL,
    model: InternVLForConditionalGeneration,
    request: Inspection,
    question: Question,
    lettered: bool,
) -> tuple[int, list[float]]:
    """Which answer `generate` writes token by token, one question and no packing; and its first step's choices."""
    tokenizer = loaded.inspector.encoder.tokenizer
    choices: Sequence[str] = LETTERS[: len(question.answers)] if lettered else question.answers
    end = tokenizer.eos_token_id
    spelled = [[*tokenizer.encode(choice, add_special_tokens=False), end] for choice in choices]
    images: list[Image.Image] = [Image.open(BytesIO(photo.data)) for photo in request.photos]
    size = {"height": 28, "width": 28}
    processor = GotOcr2ImageProcessorPil(
        size=size, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225], crop_to_patches=False
    )
    pixels: Any = processor(images=images, return_tensors="pt")
    text = shared_prefix(request.questions) + "".join(photo_block(n, 4) for n in range(1, len(images) + 1))
    text += item_block(request.item) + question_suffix(question, lettered)
    prompt = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids

    def allowed(_: int, ids: torch.Tensor) -> list[int]:
        written = ids[prompt.shape[1] :].tolist()
        return [tokens[len(written)] for tokens in spelled if tokens[: len(written)] == written]

    untyped: Any = model
    out = untyped.generate(
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        pixel_values=pixels["pixel_values"].float(),
        prefix_allowed_tokens_fn=allowed,
        do_sample=False,
        max_new_tokens=max(map(len, spelled)),
        eos_token_id=end,
        pad_token_id=tokenizer.pad_token_id,
        output_scores=True,
        return_dict_in_generate=True,
    )
    firsts = [tokens[0] for tokens in spelled]
    return spelled.index(out.sequences[0, prompt.shape[1] :].tolist()), out.scores[0][0].softmax(-1)[firsts].tolist()


def furthest(answer: Answer, expected: list[float]) -> float:
    """Largest difference between an answer's probabilities and those expected."""
    return max(abs(one - other) for one, other in zip(answer.probabilities.values(), expected, strict=True))
