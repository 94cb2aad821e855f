"""The embed task on the wire: texts and photos in, in any mixture; a unit vector for each out."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from models.embedding import EmbeddingRequest, EmbeddingResult, Text, check_vectors
from models.errors import EndpointError
from models.photo import Photo
from server.settings import Settings
from server.tasks.fields import check_text, read_photo, refuse_twins
from server.tasks.schema import EmbedBody, EmbedInputBody, parse_body

# float32 holds 7 significant digits; more would only lengthen the answer.
DECIMALS = 8


class EmbedTask:
    """Validates texts and photos and renders their vectors."""

    def parse(self, body: Mapping[str, Any], settings: Settings) -> EmbeddingRequest:
        """Inputs within the settings' limits; no photo is decoded yet, only its header is read."""
        inputs = parse_body(EmbedBody, body).inputs
        if not inputs:
            raise EndpointError("no_inputs", "Send at least one text or photo.", "inputs")
        if len(inputs) > settings.max_inputs:
            raise EndpointError("too_many_inputs", f"At most {settings.max_inputs} inputs.", "inputs")
        if sum(source.photo is not None for source in inputs) > settings.max_photos:
            raise EndpointError("too_many_photos", f"At most {settings.max_photos} photos.", "inputs")
        refuse_twins("duplicate_id", (source.id for source in inputs), "inputs")
        return EmbeddingRequest(
            tuple(_input(source, f"inputs[{number}]", settings) for number, source in enumerate(inputs))
        )

    def render(self, request: EmbeddingRequest, result: EmbeddingResult) -> dict[str, Any]:
        """Vectors in the order of the inputs, and what they cost."""
        check_vectors(request, result)
        return {
            "embeddings": [
                {"id": source.id, "vector": [round(value, DECIMALS) for value in vector]}
                for source, vector in zip(request.inputs, result.vectors, strict=True)
            ],
            "dimension": result.dimension,
            "usage": asdict(result.usage),
        }


def _input(body: EmbedInputBody, field: str, settings: Settings) -> Text | Photo:
    if body.text is not None and body.photo is not None:
        raise EndpointError("ambiguous_input", "Send the text and the photo as two inputs.", field)
    if body.photo is not None:
        return read_photo(body.id, body.photo, f"{field}.photo", settings)
    if body.text is None:
        raise EndpointError("missing_field", "An input needs a text or a photo.", field)
    check_text(body.text, f"{field}.text", settings)
    return Text(body.id, body.text, f"{field}.text")
