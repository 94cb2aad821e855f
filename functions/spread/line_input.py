"""One line of a manifest, checked."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.contract import InspectionInput, ShortText
from core.errors import InvalidRequest, NotJson
from core.field_path import field_path
from core.lanes import Lane

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LineInput(InspectionInput):
    """An inspection as `POST /v1/inspections` takes it, in the bulk lane, by a name of the client's own."""

    custom_id: ShortText | None = None
    lane: Literal[Lane.BULK] = Field(default=Lane.BULK)


class _Named(BaseModel):
    model_config = ConfigDict(extra="ignore", defer_build=True)

    custom_id: ShortText | None = None


def parse(line: int, content: bytes) -> LineInput:
    """Raises NotJson, InvalidRequest; the detail names the line and the field, and nothing of what is in it."""
    try:
        return LineInput.model_validate_json(content.removeprefix(BYTE_ORDER_MARK))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise NotJson(f"Line {line} is not valid JSON.") from error
        field = field_path(first["loc"])
        raise InvalidRequest(f"Line {line}: {field}: {first['msg']}.", field=field) from error


def custom_id_of(content: bytes) -> str | None:
    """The client's own name for a line, also for one that is wrong otherwise."""
    try:
        return _Named.model_validate_json(content.removeprefix(BYTE_ORDER_MARK)).custom_id
    except ValidationError:
        return None
