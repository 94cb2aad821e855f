"""From texts and photos to the container's embed task, and back to vectors that are what they should be."""

import math
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from core.clean_photo import clean_photo
from core.contract import InlinePhoto
from core.model_answer import InvalidAnswer
from core.model_call import ModelCall
from embeddings.contract import Embeddings

TASK = "embed"
LONG_SIDE_PX = 672  # CLIP's largest input is 336 px: twice that leaves its resizing something to choose from
LENGTH_TOLERANCE = 1e-3


class Embed:
    """Raises what ModelCall raises, and InvalidPhoto or PhotoTooLarge before anything is counted."""

    def __init__(self, call: ModelCall) -> None:
        self._call = call

    def texts(self, client_id: str, texts: Sequence[str]) -> Embeddings:
        inputs = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
        return self._ask(client_id, inputs, {r"^inputs\[(\d+)\](\.text)?$": r"texts[\1]", "^inputs$": "texts"})

    def photos(self, client_id: str, photos: Sequence[InlinePhoto]) -> Embeddings:
        inputs = [
            {"id": str(number), "photo": clean_photo(photo, number, f"photos[{number}].data", LONG_SIDE_PX)}
            for number, photo in enumerate(photos)
        ]
        return self._ask(client_id, inputs, {r"^inputs\[(\d+)\](\.photo)?$": r"photos[\1].data", "^inputs$": "photos"})

    def both(self, client_id: str, inputs: Sequence[str | InlinePhoto]) -> Embeddings:
        sent = [
            {"id": str(number), "text": given}
            if isinstance(given, str)
            else {"id": str(number), "photo": clean_photo(given, number, f"inputs[{number}].photo.data", LONG_SIDE_PX)}
            for number, given in enumerate(inputs)
        ]
        return self._ask(client_id, sent, {r"\.photo$": ".photo.data"})

    def _ask(self, client_id: str, inputs: Sequence[dict[str, str]], fields: dict[str, str]) -> Embeddings:
        answer = self._call(client_id, TASK, len(inputs), {"task": TASK, "inputs": inputs}, fields)
        return _checked(answer, len(inputs))


class _Vector(BaseModel):
    model_config = ConfigDict(extra="ignore", defer_build=True)

    id: str
    vector: list[float]


class _Answer(Embeddings):
    embeddings: list[_Vector]  # type: ignore[assignment]  # on the wire each has its id


def _checked(answer: dict[str, Any], count: int) -> Embeddings:
    """As many vectors as inputs, in their order, each of the stated dimension and of length 1. Raises InvalidAnswer."""
    try:
        found = _Answer.model_validate(answer)
    except ValidationError as error:
        raise InvalidAnswer("The model endpoint's answer is not what the contract says.") from error
    if [each.id for each in found.embeddings] != [str(number) for number in range(count)]:
        raise InvalidAnswer("The model endpoint did not embed exactly what was sent.")
    for each in found.embeddings:
        length = math.sqrt(sum(value * value for value in each.vector))
        if len(each.vector) != found.dimension or not abs(length - 1) <= LENGTH_TOLERANCE:
            raise InvalidAnswer("The model endpoint's vectors are not unit vectors of the stated dimension.")
    return Embeddings(
        embeddings=[each.vector for each in found.embeddings],
        **found.model_dump(exclude={"embeddings"}),
    )
