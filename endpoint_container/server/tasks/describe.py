"""The describe task on the wire: photos in; a caption, an answer to a question, or a product report out."""

from collections.abc import Mapping
from typing import Any

from models.description import DescriptionRequest, DescriptionResult, Kind, check_description
from models.errors import EndpointError
from server.settings import Settings
from server.tasks.fields import check_text, read_item, read_photos
from server.tasks.schema import DescribeBody, parse_body


class DescribeTask:
    """Validates what is to be described and renders what the model wrote."""

    def parse(self, body: Mapping[str, Any], settings: Settings) -> DescriptionRequest:
        """A request within the settings' limits; no photo is decoded yet, only its header is read."""
        request = parse_body(DescribeBody, body)
        kind = Kind(request.kind)
        _check_question(request, settings)
        max_new_tokens = _max_new_tokens(request.max_new_tokens, settings)
        if request.max_tiles is not None and not 1 <= request.max_tiles <= settings.max_tiles:
            raise EndpointError("too_many_tiles", f"From 1 to {settings.max_tiles} tiles a photo.", "max_tiles")
        # The cheap checks come first: bytes are decoded only for a request that could be served.
        item = None if request.item is None else read_item(request.item, settings)
        photos = read_photos(request.photos, settings)
        return DescriptionRequest(photos, kind, max_new_tokens, request.question, item, request.max_tiles)

    def render(self, request: DescriptionRequest, result: DescriptionResult) -> dict[str, Any]:
        """The description, told by its kind, and what it cost."""
        check_description(request, result)
        description, usage = result.description, result.usage
        told: dict[str, Any] = {"kind": request.kind.value}
        if description.report is not None:
            told["report"] = dict(description.report)
        else:
            told |= {"text": description.text, "truncated": description.truncated}
        return {
            "description": told,
            "usage": {
                "photos": usage.photos,
                "tiles": usage.tiles,
                "prompt_tokens": usage.prompt_tokens,
                "generated_tokens": usage.generated_tokens,
            },
        }


def _max_new_tokens(asked: int | None, settings: Settings) -> int:
    if asked is None:
        return min(settings.default_new_tokens, settings.max_new_tokens)
    if not 1 <= asked <= settings.max_new_tokens:
        raise EndpointError("invalid_field", f"From 1 to {settings.max_new_tokens} tokens.", "max_new_tokens")
    return asked


def _check_question(request: DescribeBody, settings: Settings) -> None:
    if request.kind != "question":
        if request.question is not None:
            raise EndpointError("invalid_field", "Only the kind 'question' takes a question.", "question")
        return
    if request.question is None:
        raise EndpointError("missing_field", "The kind 'question' needs a question.", "question")
    check_text(request.question, "question", settings)
