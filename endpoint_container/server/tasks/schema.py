"""The requests as JSON: types and shape only. Limits that can be set are checked in each task's own module."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import EndpointError

Schema = TypeVar("Schema", bound=BaseModel)
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
# What pydantic finds wrong, in our codes; anything else is an invalid_field.
CODES = {"missing": "missing_field", "extra_forbidden": "unknown_field"}


class Strict(BaseModel):
    """No field beyond those named, and no silent conversion from one type to another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PhotoBody(Strict):
    id: Identifier
    data: str


class ItemBody(Strict):
    description: str
    attributes: dict[str, str | int | float | bool | None] | None = None
    sku: str | None = None


class QuestionBody(Strict):
    id: Identifier
    text: str
    answers: list[str]


class TilesBody(Strict):
    first: int | None = None
    closer: list[int] = []


class InspectBody(Strict):
    task: Literal["inspect"]
    photos: list[PhotoBody]
    item: ItemBody
    questions: list[QuestionBody]
    explain: bool = False
    tiles: TilesBody = TilesBody()


class DescribeBody(Strict):
    task: Literal["describe"]
    kind: Literal["caption", "question", "report"]
    photos: list[PhotoBody]
    question: str | None = None
    item: ItemBody | None = None
    max_tiles: int | None = None
    max_new_tokens: int | None = None
    stream: bool = False


class EmbedInputBody(Strict):
    id: Identifier
    text: str | None = None
    photo: str | None = None


class EmbedBody(Strict):
    task: Literal["embed"]
    inputs: list[EmbedInputBody]


def parse_body(schema: type[Schema], body: Mapping[str, Any]) -> Schema:
    """Check a body against its schema; raises an EndpointError for the first thing wrong, never quoting it."""
    try:
        return schema.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        code = CODES.get(first["type"], "invalid_field")
        raise EndpointError(code, f"{first['msg']}.", field_path(first["loc"])) from error


def field_path(location: Iterable[int | str]) -> str:
    """A place in the body as `photos[0].data`."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{_printable(part)}" for part in location)
    return path.removeprefix(".")


def _printable(name: str) -> str:
    # The name of an unknown field is the client's own text: cut it short and keep it to one line of ASCII.
    return "".join(character if character.isascii() and character.isprintable() else "?" for character in name)[:64]
