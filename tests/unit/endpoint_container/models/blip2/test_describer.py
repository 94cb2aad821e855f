"""Features, logits and texts against transformers' own BLIP-2, number by number and token by token."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Blip2ForConditionalGeneration, BlipImageProcessorPil, PreTrainedTokenizerFast

from models.blip2.describer import Blip2
from models.description import REPORT_FIELDS, DescriptionRequest, DescriptionResult, Kind, check_description
from models.errors import EndpointError
from models.photo import Photo
from models.writing import Unwritten, write
from tests.unit.endpoint_container.checkpoints import BLIP2_POSITIONS, BLIP2_QUERIES

TOLERANCE = 1e-5
SIZES = ((64, 48), (28, 28), (31, 90))
QUESTION = "Is the label\nattached?"


@pytest.fixture(scope="module")
def plain(blip2_checkpoint: Path) -> Any:
    """transformers alone."""
    return Blip2ForConditionalGeneration.from_pretrained(blip2_checkpoint).eval()


@pytest.fixture(scope="module")
def pixels(blip2_checkpoint: Path) -> Callable[[Photo], torch.Tensor]:
    """A photo by transformers' own image processor."""
    processor: Any = BlipImageProcessorPil.from_pretrained(blip2_checkpoint)
    return lambda photo: processor(photo.decode((photo.width, photo.height)), return_tensors="pt").pixel_values


def asked(photo: Photo, kind: Kind = Kind.CAPTION, most: int = 20, **changes: Any) -> DescriptionRequest:
    question = QUESTION if kind is Kind.QUESTION else None
    return DescriptionRequest((photo,), kind, most, **{"question": question, **changes})


def unwritten(blip2: Blip2, request: DescriptionRequest) -> Unwritten[DescriptionResult]:
    return blip2.describer.run(blip2.describer.prepare(request))


def describe(blip2: Blip2, request: DescriptionRequest) -> DescriptionResult:
    result = write(blip2.writer, unwritten(blip2, request))
    check_description(request, result)
    return result


def prompt(checkpoint: Path, text: str | None) -> torch.Tensor:
    """Token ids as transformers' Blip2Processor lays them out: photo, start, text."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(checkpoint)
    ids = tokenizer.encode("<image>" * BLIP2_QUERIES + "</s>" + (text or ""), add_special_tokens=False)
    return torch.tensor([ids])


@pytest.mark.parametrize("size", SIZES)
def test_features_and_first_logits_are_those_of_transformers(
    blip2: Blip2,
    plain: Any,
    pixels: Callable[[Photo], torch.Tensor],
    photo: Callable[..., Photo],
    blip2_checkpoint: Path,
    size: tuple[int, int],
) -> None:
    source = photo(size=size)
    draft = unwritten(blip2, asked(source, Kind.QUESTION)).draft
    ids = prompt(blip2_checkpoint, "Question: Is the label attached? Answer:")
    with torch.no_grad():
        features = plain.get_image_features(pixels(source)).pooler_output[0]
        logits = plain(pixel_values=pixels(source), input_ids=ids).logits[0, -1]
        embeds = blip2.writer._language.embed((*draft.prefix, *draft.endings[0].ids), draft.features)
        ours = blip2.describer.model.language_model(inputs_embeds=embeds).logits[0, -1]
    assert [*draft.prefix, *draft.endings[0].ids] == ids[0].tolist()
    torch.testing.assert_close(draft.features, features, rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(ours, logits, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("kind", [Kind.CAPTION, Kind.QUESTION])
def test_texts_are_what_transformers_generates(
    blip2: Blip2,
    plain: Any,
    pixels: Callable[[Photo], torch.Tensor],
    photo: Callable[..., Photo],
    blip2_checkpoint: Path,
    kind: Kind,
) -> None:
    for seed in range(4):
        source = photo(seed)
        text = "Question: Is the label attached? Answer:" if kind is Kind.QUESTION else None
        expected = plain.generate(
            pixel_values=pixels(source), input_ids=prompt(blip2_checkpoint, text), do_sample=False, max_new_tokens=20
        )[0].tolist()
        request = asked(source, kind)
        draft = unwritten(blip2, request).draft
        (written,) = blip2.writer.admit(draft, [0])
        while blip2.writer.live:
            blip2.writer.step()
        assert list(written.tokens) == expected[-len(written.tokens) :]
        assert len(written.tokens) == 20 or written.tokens[-1] in blip2.describer.wording.ends
        result = describe(blip2, request)
        assert result.usage.generated_tokens == len(written.tokens)
        assert result.description.truncated == (written.tokens[-1] not in blip2.describer.wording.ends)


def test_a_report_is_typed_and_each_field_is_its_own_question(
    blip2: Blip2, photo: Callable[..., Photo], blip2_checkpoint: Path
) -> None:
    towers: list[int] = []
    handle = blip2.describer.model.vision_model.register_forward_hook(lambda *_: towers.append(1))
    result = describe(blip2, asked(photo(77), Kind.REPORT))
    handle.remove()
    report = result.description.report
    assert report is not None
    assert list(report) == [field.name for field in REPORT_FIELDS]
    assert isinstance(report["text_visible"], bool)
    assert report["condition"] in ("new", "used", "damaged")
    assert towers == [1]
    for field in REPORT_FIELDS:
        single = describe(blip2, asked(photo(77), Kind.QUESTION, 12, question=field.question)).description.text
        if not field.answers and single:
            printable = "".join(character if character.isprintable() else " " for character in single)
            assert report[field.name] == " ".join(printable.split())


def test_choices_are_scored_as_transformers_would(
    blip2: Blip2,
    plain: Any,
    pixels: Callable[[Photo], torch.Tensor],
    photo: Callable[..., Photo],
    blip2_checkpoint: Path,
) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(blip2_checkpoint)
    for seed, field in product(range(4), [field for field in REPORT_FIELDS if field.answers]):
        source = photo(seed)
        report = describe(blip2, asked(source, Kind.REPORT)).description.report
        # All answers begin with the token of a blank, then with one of their own.
        ids = prompt(blip2_checkpoint, f"Question: {field.question} Answer: ")
        with torch.no_grad():
            logits = plain(pixel_values=pixels(source), input_ids=ids).logits[0, -1]
        scores = {word: float(logits[tokenizer.encode(word)[0]]) for word in field.answers}
        best = max(scores, key=scores.__getitem__)
        assert report is not None
        assert report[field.name] == (best == "yes" if field.name == "text_visible" else best)


def test_a_batch_is_what_its_photos_are_alone(blip2: Blip2, photo: Callable[..., Photo]) -> None:
    requests = [asked(photo(seed), Kind.CAPTION) for seed in range(40, 43)]
    together = blip2.describer.run_batch([blip2.describer.prepare(request) for request in requests])
    for request, one in zip(requests, together, strict=True):
        blip2.describer.cache._entries.clear()
        alone = unwritten(blip2, request)
        torch.testing.assert_close(one.draft.features, alone.draft.features, rtol=0, atol=TOLERANCE)
        assert write(blip2.writer, one).description == write(blip2.writer, alone).description


def test_a_known_photo_is_neither_decoded_nor_looked_at(blip2: Blip2, photo: Callable[..., Photo]) -> None:
    first = describe(blip2, asked(photo(50)))
    hits = blip2.caches["photo"].hits
    prepared = blip2.describer.prepare(asked(photo(50)))
    assert prepared.pixels is None
    again = write(blip2.writer, blip2.describer.run(prepared))
    assert again.description == first.description
    assert blip2.caches["photo"].hits == hits + 1


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"photos": 2}, "too_many_photos", "photos"),
        ({"item": {"description": "red shirt"}}, "invalid_field", "item"),
        ({"max_tiles": 2}, "too_many_tiles", "max_tiles"),
        ({"question": "Is it <image>?"}, "control_token", "question"),
        ({"question": "x" * BLIP2_POSITIONS}, "prompt_too_long", "photos"),
    ],
)
def test_what_this_family_cannot_do_is_refused(
    blip2: Blip2, photo: Callable[..., Photo], changes: dict[str, Any], code: str, field: str
) -> None:
    photos = (photo(),) * changes.pop("photos", 1)
    request = DescriptionRequest(photos, Kind.QUESTION, 20, **{"question": QUESTION, **changes})
    with pytest.raises(EndpointError) as caught:
        blip2.describer.prepare(request)
    assert (caught.value.code, caught.value.field) == (code, field)


def test_the_pieces_of_a_stream_are_the_text(blip2: Blip2, photo: Callable[..., Photo]) -> None:
    for seed in range(5):
        prepared = blip2.describer.prepare(asked(photo(seed), Kind.QUESTION))
        tell, pieces = blip2.describer.teller(prepared), []
        (text,) = blip2.writer.admit(blip2.describer.run(prepared).draft, [0])
        while True:
            pieces.append(tell(0, text.tokens, text.finished))
            if text.finished:
                break
            blip2.writer.step()
        told = "".join(str(piece["text"]) for piece in pieces if piece)
        assert told == describe(blip2, asked(photo(seed), Kind.QUESTION)).description.text
        assert len(pieces) > 1


def test_the_self_test_fails_on_nan(blip2: Blip2) -> None:
    blip2.self_test()
    weight = blip2.describer.model.language_projection.weight
    kept = weight.clone()
    weight.fill_(float("nan"))
    try:
        blip2.describer.cache._entries.clear()
        with pytest.raises(EndpointError, match="model_output_invalid"):
            blip2.self_test()
    finally:
        weight.copy_(kept)
