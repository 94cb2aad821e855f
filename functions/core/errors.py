"""Every error a client can be told of: a stable code, an HTTP status, and one JSON shape (RFC 9457)."""

from collections.abc import Mapping
from typing import Any

PROBLEM_JSON = "application/problem+json"


class ScrutineerError(Exception):
    """Base of all errors with a code of their own; `detail` is safe to show to a client."""

    code = "internal_error"
    status = 500
    title = "Something went wrong on our side"

    def __init__(self, detail: str, *, field: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s


class InvalidRequest(ScrutineerError):
    """The body or a parameter is not what the contract says; `field` names it."""

    code, status, title = "invalid_request", 400, "The request is not valid"


class NotJson(InvalidRequest):
    code, title = "not_json", "The body is not JSON"


class UnsupportedMediaType(InvalidRequest):
    code, status, title = "unsupported_media_type", 415, "The body is of another type"


class UnknownChecklist(InvalidRequest):
    code, title = "unknown_checklist", "There is no such checklist"


class PhotoCount(InvalidRequest):
    code, title = "photo_count", "Too few or too many photos"


class InvalidPhoto(InvalidRequest):
    """A photo that is no photo: empty, not base64, not an image by its content."""

    code, title = "invalid_photo", "A photo can't be read"


class PhotoTooLarge(InvalidRequest):
    code, status, title = "photo_too_large", 413, "A photo is too large"


class UnknownUpload(InvalidRequest):
    """Never given out, another client's, nothing was uploaded to it, or it has aged out: the answer does not tell."""

    code, title = "unknown_upload", "There is no such upload"


class UnsafeAddress(InvalidRequest):
    """An address of a photo or webhook that is not plain public https, or leads to what is not; nothing was asked."""

    code, title = "unsafe_address", "The address can't be used"


class PhotosUnusable(ScrutineerError):
    """Photos that must be taken again: told as the failure of an inspection, never as an answer of its own."""

    code, status, title = "photos_unusable", 422, "Photos must be taken again; the detail says which and how"


class NotFound(ScrutineerError):
    """Unknown, or another client's: the answer does not tell which."""

    code, status, title = "not_found", 404, "Not found"


class UnknownRoute(NotFound):
    code, title = "unknown_route", "There is no such route"


class Forbidden(ScrutineerError):
    """Known, but this is not for the caller's role or plan."""

    code, status, title = "forbidden", 403, "Not allowed"


class NotOnPlan(Forbidden):
    """The client's usage plan does not have this task."""

    code, title = "not_on_plan", "The usage plan does not include this"


class Conflict(ScrutineerError):
    """What was asked does not fit the state that the thing is in; nothing was changed."""

    code, status, title = "conflict", 409, "It can't be done as things stand"


class AlreadyFinal(Conflict):
    """An inspection that is final stays what it is; the detail says what that is."""

    code, title = "already_final", "What is final stays as it is"


class IdempotencyConflict(Conflict):
    code, title = "idempotency_conflict", "The idempotency key was used with another request"


class QuotaExceeded(ScrutineerError):
    """The day's or month's inspections of the usage plan are used up; nothing was accepted."""

    code, status, title = "quota_exceeded", 429, "The usage plan's quota is used up"


class TooManyRunning(ScrutineerError):
    """As many inspections as the usage plan allows at once are under way; nothing was accepted."""

    code, status, title = "too_many_running", 429, "Too many inspections are under way"


class NotOffered(ScrutineerError):
    """This installation is not configured to do it."""

    code, status, title = "not_offered", 501, "This is not offered here"


class Unavailable(ScrutineerError):
    """A part that the request needs is away for a moment; nothing was stored half.

    `attempted`: the work itself was begun and failed, which counts; being turned away at the door does not.
    """

    code, status, title = "unavailable", 503, "Not available at the moment"
    attempted = False

    def __init__(
        self, detail: str, *, field: str | None = None, retry_after_s: int | None = None, attempted: bool | None = None
    ) -> None:
        super().__init__(detail, field=field, retry_after_s=retry_after_s)
        if attempted is not None:
            self.attempted = attempted


class DeadlineExceeded(ScrutineerError):
    """The caller's own deadline: told as the failure of an inspection that ends as expired."""

    code, status, title = "deadline_exceeded", 504, "Too late for the caller's deadline"


class OutsideHours(ScrutineerError):
    """The service is closed until after the caller's deadline; nothing was accepted."""

    code, status, title = "outside_hours", 503, "The service is closed until after the deadline"


def problem(error: ScrutineerError, *, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """The body of an `application/problem+json` answer: RFC 9457's members, our `code`, the field at fault."""
    body: dict[str, Any] = {
        "type": f"urn:scrutineer:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
    }
    if error.field is not None:
        body["field"] = error.field
    if errors:
        body["errors"] = errors
    return body


def problem_headers(error: ScrutineerError) -> Mapping[str, str]:
    """Headers that go with the problem: when to come back, where that is known."""
    return {"Retry-After": str(error.retry_after_s)} if error.retry_after_s is not None else {}


def all_problems() -> list[type[ScrutineerError]]:
    """Every error class a client may meet, for the documentation and for the tests that hold it to it."""
    found: list[type[ScrutineerError]] = []
    waiting: list[type[ScrutineerError]] = [ScrutineerError]
    while waiting:
        error = waiting.pop(0)
        found.append(error)
        waiting += error.__subclasses__()
    return found
