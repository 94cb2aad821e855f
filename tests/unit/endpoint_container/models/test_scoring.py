"""Packed scoring against plain forward passes of transformers, one a question."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import GotOcr2ImageProcessorPil

from models.errors import EndpointError
from models.inspection import Answer, Inspection, InspectionResult, Question, check_answers
from models.internvl.calibration import Calibration
from models.internvl.inspector import InternVLInspector, PreparedInspection
from models.internvl.loaded import InternVL
from models.internvl.photo_features import VISION_BATCH
from models.internvl.prompt import LETTERS, item_block, photo_block, question_suffix, shared_prefix
from models.internvl.scoring import probabilities
from models.photo import Photo


@pytest.mark.parametrize(("seeds", "max_tiles"), [((1,), None), ((1, 2, 3), None), ((1, 2), 4)])
def test_packed_equals_separate(
    internvl: InternVL, inspection: Callable[..., Inspection], seeds: tuple[int, ...], max_tiles: int | None
) -> None:
    request = inspection(*seeds, max_tiles=max_tiles)

    result, _ = inspect(internvl, request)

    for answer, question in zip(result.answers, request.questions, strict=True):
        expected = separate_forward(internvl, request, question)
        packed = torch.tensor(list(answer.probabilities.values()))
        assert (packed - expected).abs().max() <= 1e-4
        assert answer.answer == question.answers[int(expected.argmax())]


def test_more_tiles_than_one_vision_batch(internvl: InternVL, inspection: Callable[..., Inspection]) -> None:
    request = inspection(*range(4), max_tiles=4)
    result, prepared = inspect(internvl, request)
    assert prepared.tiles > VISION_BATCH
    expected = separate_forward(internvl, request, request.questions[0])
    assert (torch.tensor(list(result.answers[0].probabilities.values())) - expected).abs().max() <= 1e-4


def test_a_question_does_not_see_the_others(internvl: InternVL, inspection: Callable[..., Inspection]) -> None:
    """Of the suffixes: the checklist before the photos names all questions, so it is kept the same here."""
    request = inspection(1)
    _, prepared = inspect(internvl, request)
    whole = internvl.inspector.run(prepared)
    for number, question in enumerate(request.questions):
        prompt = replace(prepared.prompt, questions=(prepared.prompt.questions[number],))
        alone = PreparedInspection((question,), prepared.photos, prompt, frozenset(), {})
        answer = internvl.inspector.run(alone).answers[0]
        assert largest_difference(answer, whole.answers[number]) <= 1e-5


def test_the_order_of_the_photos_matters(internvl: InternVL, inspection: Callable[..., Inspection]) -> None:
    forth, _ = inspect(internvl, inspection(1, 2))
    back, _ = inspect(internvl, inspection(2, 1))
    again, _ = inspect(internvl, inspection(1, 2))
    assert largest_difference(forth.answers[1], back.answers[1]) > 1e-3
    assert forth.answers == again.answers


def test_every_photo_is_looked_at(internvl: InternVL, inspection: Callable[..., Inspection]) -> None:
    base, _ = inspect(internvl, inspection(1, 2, 3))
    for changed in [(9, 2, 3), (1, 9, 3), (1, 2, 9)]:
        other, _ = inspect(internvl, inspection(*changed))
        assert largest_difference(base.answers[1], other.answers[1]) > 1e-4


def test_usage_counts_what_was_done(internvl: InternVL, inspection: Callable[..., Inspection]) -> None:
    result, prepared = inspect(internvl, inspection(1, 2, max_tiles=4))
    assert (result.usage.photos, result.usage.tiles) == (2, prepared.tiles)
    assert result.usage.prompt_tokens == prepared.prompt.tokens
    assert set(result.timings_ms) == {"decode", "preprocess", "vision", "language"}


def test_a_temperature_moves_only_its_own_question(internvl: InternVL, inspection: Callable[..., Inspection]) -> None:
    request = inspection(1)
    plain, prepared = inspect(internvl, request)
    runner = internvl.inspector
    softened = Calibration({"kind": 1000.0})
    soft = InternVLInspector(
        runner.identity,
        runner.model,
        runner.encoder,
        runner.preprocessing,
        softened,
        runner.features,
        runner.prefixes,
        runner.seen,
    ).run(prepared)
    assert soft.answers[0] == plain.answers[0]
    assert max(soft.answers[1].probabilities.values()) < 0.15
    assert soft.answers[1].answer == plain.answers[1].answer


def test_probabilities_follow_the_temperature() -> None:
    logits = torch.tensor([2.0, 0.0])
    assert probabilities(logits, 1.0) == pytest.approx([0.880797, 0.119203], abs=1e-6)
    assert probabilities(logits, 2.0) == pytest.approx([0.731059, 0.268941], abs=1e-6)


def test_the_self_test_refuses_a_model_that_computes_nan(internvl: InternVL) -> None:
    internvl.self_test()
    model = internvl.inspector.model
    kept = model.lm_head.weight.detach().clone()
    try:
        model.lm_head.weight.fill_(float("nan"))
        with pytest.raises(EndpointError, match="model_output_invalid"):
            internvl.self_test()
    finally:
        model.lm_head.weight.copy_(kept)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), "out_of_memory"),
        (torch.AcceleratorError("lost"), "model_defunct"),
    ],
)
def test_a_lost_accelerator_is_told_from_a_full_one(
    internvl: InternVL,
    inspection: Callable[..., Inspection],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    # None of them can be had on a CPU at will.
    monkeypatch.setattr(internvl.inspector.model.model, "get_image_features", fail)
    with pytest.raises(EndpointError) as caught:
        inspect(internvl, inspection(1))
    assert caught.value.code == code


def test_a_full_host_is_no_failure_of_the_model(
    internvl: InternVL, inspection: Callable[..., Inspection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's own message, when it asks the system for more than there is; other errors stay what they are."""

    def take_everything(*_: object, **__: object) -> torch.Tensor:
        return torch.empty(1 << 46, dtype=torch.uint8)

    def fail(*_: object, **__: object) -> torch.Tensor:
        return torch.zeros(2) @ torch.zeros(3)

    monkeypatch.setattr(internvl.inspector.model.model, "get_image_features", take_everything)
    with pytest.raises(EndpointError) as caught:
        inspect(internvl, inspection(1))
    assert (caught.value.code, caught.value.kind.status) == ("out_of_memory", 422)
    monkeypatch.setattr(internvl.inspector.model.model, "get_image_features", fail)
    with pytest.raises(RuntimeError, match="size"):
        inspect(internvl, inspection(1))


def test_a_photo_too_large_for_the_host_is_the_requests_fault(
    internvl: InternVL, inspection: Callable[..., Inspection], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Photo, "decode", fail)
    with pytest.raises(EndpointError) as caught:
        internvl.inspector.prepare(inspection(1))
    assert (caught.value.code, caught.value.field) == ("out_of_memory", "photos")


def test_more_than_the_model_holds_is_refused(internvl: InternVL, inspection: Callable[..., Inspection]) -> None:
    with pytest.raises(EndpointError) as caught:
        internvl.inspector.prepare(inspection(1, description="shirt " * 5000))
    assert caught.value.code == "prompt_too_long"


def inspect(model: InternVL, request: Inspection) -> tuple[InspectionResult, PreparedInspection]:
    """Prepare and run, as the server does."""
    prepared = model.inspector.prepare(request)
    result = model.inspector.run(prepared)
    check_answers(request.questions, result.answers)
    return result, prepared


@torch.inference_mode()
def separate_forward(loaded: InternVL, request: Inspection, question: Question) -> torch.Tensor:
    """Probabilities [answers] by transformers alone: its pixels, the prompt as one string, one plain call."""
    model, tokenizer = loaded.inspector.model, loaded.inspector.encoder.tokenizer
    processor = GotOcr2ImageProcessorPil(
        size={"height": 28, "width": 28},
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
        crop_to_patches=request.max_tiles is not None,
        max_patches=request.max_tiles or 1,
    )
    images: list[Image.Image] = [Image.open(BytesIO(photo.data)) for photo in request.photos]
    processed: Any = processor(images=images, return_tensors="pt")
    text = shared_prefix(request.questions)
    for number, tiles in enumerate(processed["num_patches"].tolist(), start=1):
        text += photo_block(number, 4 * tiles)
    firsts = [tokenizer.encode(answer, add_special_tokens=False)[0] for answer in question.answers]
    lettered = len(set(firsts)) < len(firsts)
    if lettered:
        firsts = [tokenizer.encode(letter, add_special_tokens=False)[0] for letter in LETTERS[: len(firsts)]]
    text += item_block(request.item) + question_suffix(question, lettered)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
    logits = model(input_ids=ids, pixel_values=processed["pixel_values"].float()).logits[0, -1]
    expected: torch.Tensor = logits[firsts].softmax(dim=-1)
    return expected


def largest_difference(one: Answer, other: Answer) -> float:
    """Largest difference between two answers' probabilities."""
    return max(abs(one.probabilities[name] - other.probabilities[name]) for name in one.probabilities)
