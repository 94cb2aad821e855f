"""The errors of this program: every one that a caller can see has a stable code, listed here and nowhere else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ProblemKind:
    """What is always the same about a problem: its HTTP status and its title."""

    status: int
    title: str


PROBLEMS: dict[str, ProblemKind] = {
    "malformed_json": ProblemKind(400, "The body is not JSON"),
    "not_found": ProblemKind(404, "There is no such route"),
    "method_not_allowed": ProblemKind(405, "The route does not take this method"),
    "body_too_large": ProblemKind(413, "The body is too large"),
    "unsupported_media_type": ProblemKind(415, "The body must be application/json"),
    "invalid_field": ProblemKind(422, "A field has the wrong form"),
    "missing_field": ProblemKind(422, "A field is missing"),
    "unknown_field": ProblemKind(422, "There is no such field"),
    "unknown_task": ProblemKind(422, "There is no such task"),
    "unsupported_task": ProblemKind(422, "This model does not do this task"),
    "explain_unavailable": ProblemKind(422, "This model does not explain its answers"),
    "no_photos": ProblemKind(422, "There are no photos"),
    "too_many_photos": ProblemKind(422, "There are too many photos"),
    "duplicate_id": ProblemKind(422, "An id is used twice"),
    "not_base64": ProblemKind(422, "The photo is not base64"),
    "photo_too_large": ProblemKind(422, "The photo has too many bytes"),
    "too_many_pixels": ProblemKind(422, "The photo has too many pixels"),
    "not_an_image": ProblemKind(422, "The photo is not a JPEG, PNG or WebP image"),
    "truncated_image": ProblemKind(422, "The photo is cut off or damaged"),
    "no_inputs": ProblemKind(422, "There are no inputs"),
    "too_many_inputs": ProblemKind(422, "There are too many inputs"),
    "ambiguous_input": ProblemKind(422, "An input is both text and photo"),
    "no_questions": ProblemKind(422, "There are no questions"),
    "too_many_questions": ProblemKind(422, "There are too many questions"),
    "too_few_answers": ProblemKind(422, "A question needs at least two answers"),
    "too_many_answers": ProblemKind(422, "A question has too many answers"),
    "duplicate_answer": ProblemKind(422, "A question lists an answer twice"),
    "empty_text": ProblemKind(422, "A text is empty"),
    "text_too_long": ProblemKind(422, "A text is too long"),
    "control_token": ProblemKind(422, "A text contains a control token of the model"),
    "answers_not_scorable": ProblemKind(422, "The model cannot tell these answers apart"),
    "too_many_tiles": ProblemKind(422, "More tiles a photo than allowed"),
    "prompt_too_long": ProblemKind(422, "Photos and questions do not fit the model's context"),
    "out_of_memory": ProblemKind(422, "The request does not fit the model's memory"),
    "internal_error": ProblemKind(500, "The server failed"),
    "model_failed": ProblemKind(500, "The model failed"),
    "model_output_invalid": ProblemKind(500, "The model's output is not usable"),
    "not_ready": ProblemKind(503, "The model is not ready"),
    "overloaded": ProblemKind(503, "Too many requests are waiting"),
    "model_defunct": ProblemKind(503, "The model is out of order"),
}


class EndpointError(Exception):
    """A failure that a caller is told about.

    `detail` reaches the caller and the log: it must hold nothing of what the caller sent beyond ids and sizes.
    """

    def __init__(self, code: str, detail: str, field: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.kind = PROBLEMS[code]
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s


class ModelDefunct(EndpointError):
    """The model cannot answer any further request: the process has to be replaced."""

    def __init__(self, detail: str) -> None:
        super().__init__("model_defunct", detail)


class LoadError(Exception):
    """The model artifact cannot be served; the message names the file and what is wrong with it."""
