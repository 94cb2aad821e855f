"""From a client's photos to the container's describe task, and back to a description of the kind asked for."""

from typing import Any

from pydantic import ValidationError

from core.clean_photo import clean_photo
from core.model_answer import InvalidAnswer
from core.model_call import ModelCall
from descriptions.contract import Description, DescriptionInput

TASK = "describe"
LONG_SIDE_PX = 1344
FIELDS = {r"^photos\[(\d+)\](\.data)?$": r"photos[\1].data", "^max_new_tokens$": "max_tokens"}


class Describe:
    """Raises what ModelCall raises, and InvalidPhoto or PhotoTooLarge before anything is counted."""

    def __init__(self, call: ModelCall) -> None:
        self._call = call

    def __call__(self, client_id: str, asked: DescriptionInput) -> Description:
        body: dict[str, Any] = {
            "task": TASK,
            "kind": asked.kind,
            "photos": [
                {"id": str(number), "data": clean_photo(photo, number, f"photos[{number}].data", LONG_SIDE_PX)}
                for number, photo in enumerate(asked.photos)
            ],
        }
        if asked.question is not None:
            body["question"] = asked.question
        if asked.item is not None:
            body["item"] = asked.item.model_dump(exclude_none=True)
        if asked.max_tokens is not None:
            body["max_new_tokens"] = asked.max_tokens
        return _checked(self._call(client_id, TASK, 1, body, FIELDS), asked)


def _checked(answer: dict[str, Any], asked: DescriptionInput) -> Description:
    """Raises InvalidAnswer unless it is of the kind asked for, and has what that kind has."""
    described = answer.pop("description", None)
    try:
        description = Description.model_validate({**answer, **(described if isinstance(described, dict) else {})})
    except ValidationError as error:
        raise InvalidAnswer("The model endpoint's answer is not what the contract says.") from error
    whole = description.report if asked.kind == "report" else description.text
    if description.kind != asked.kind or whole is None:
        raise InvalidAnswer("The model endpoint described something else than was asked.")
    return description
