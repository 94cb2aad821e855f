"""How a resolver answers when a route raises: always problem+json, never a traceback or a value of the request."""

import json
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError

from core.contract import Problem
from core.errors import (
    PROBLEM_JSON,
    InvalidRequest,
    NotJson,
    ScrutineerError,
    UnknownRoute,
    UnsupportedMediaType,
    problem,
    problem_headers,
)
from core.faults import count_fault
from core.field_path import field_path
from core.observability import logger, metrics, where
from core.refusals import note_problem

MOST_ERRORS = 20  # a body of 6 MB may have half a million unknown fields


PROBLEMS = {
    400: "The request is not valid; `code` and `field` say why.",
    401: "No key, or one that is not valid.",
    403: "The role or the usage plan does not allow it.",
    404: "Unknown, or another client's.",
    409: "The idempotency key was used with another request, or it can't be done as things stand.",
    413: "The body or a photo is too large.",
    415: "The body is not application/json.",
    422: "The model can't use this input; `detail` and `field` say why.",
    429: "The rate, the quota or the number at once is reached; `Retry-After` says when to come back.",
    501: "No model for this is configured.",
    502: "The model endpoint refused the request.",
    503: "Not available at the moment; nothing was stored.",
}


def described_problems(*statuses: int) -> dict[int, Any]:
    """These statuses as the OpenAPI document shows them."""
    return {
        status: {"description": PROBLEMS[status], "content": {PROBLEM_JSON: {"model": Problem}}} for status in statuses
    }


def answer_with_problems(app: APIGatewayRestResolver) -> None:
    """Give `app` its error handlers."""

    def known(error: ScrutineerError) -> Response[str]:
        return _response(error)

    def other_type(error: Exception) -> Response[str]:
        return _response(UnsupportedMediaType("The body must be application/json.", field="Content-Type"))

    def invalid(error: RequestValidationError) -> Response[str]:
        if not _says_json(app):
            return other_type(error)
        return _response(*_from_validation(error))

    def undecodable(error: Exception) -> Response[str]:
        return _response(NotJson("The body is not UTF-8, or nested too deeply."))

    def unexpected(error: Exception) -> Response[str]:
        if not _says_json(app):  # a form without its boundary; no such body ever reaches a route
            return other_type(error)
        logger.error("the request failed", error_type=type(error).__name__, where=where(error))
        metrics.add_metric("RequestsFailed", "Count", 1)
        count_fault()
        return _response(ScrutineerError("Send again. If it goes on, tell us the x-amzn-requestid of this answer."))

    def unknown(error: NotFoundError) -> Response[str]:
        return _response(UnknownRoute("There is no such route."))

    app.exception_handler(ScrutineerError)(known)
    app.exception_handler(RequestUnsupportedContentType)(other_type)
    app.exception_handler(RequestValidationError)(invalid)
    app.exception_handler([UnicodeDecodeError, RecursionError])(undecodable)
    app.exception_handler(Exception)(unexpected)
    app.not_found(unknown)


def _says_json(app: APIGatewayRestResolver) -> bool:
    """Powertools would parse a form as well, and name its parts - the whole body, perhaps - as unknown fields."""
    media_type = app.current_event.headers.get("content-type", "").strip()
    return not media_type or media_type.startswith("application/json") or not app.current_event.body


def _response(error: ScrutineerError, errors: list[dict[str, str]] | None = None) -> Response[str]:
    note_problem(error)
    return Response(
        status_code=HTTPStatus(error.status),
        content_type=PROBLEM_JSON,
        body=json.dumps(problem(error, errors=errors)),
        headers=dict(problem_headers(error)),
    )


def _from_validation(error: RequestValidationError) -> tuple[ScrutineerError, list[dict[str, str]]]:
    """Pydantic's findings without the values that were sent: they may be photos."""
    found = [{"field": field_path(each["loc"]), "problem": str(each["msg"])} for each in error.errors()[:MOST_ERRORS]]
    if any(each["type"].startswith("json_invalid") for each in error.errors()):
        return NotJson("The body is not valid JSON."), []
    first = found[0]
    return InvalidRequest(f"{first['field']}: {first['problem']}.", field=first["field"]), found
