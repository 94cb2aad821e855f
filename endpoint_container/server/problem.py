"""Every failure as RFC 9457 problem+json, in one shape."""

import logging

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from models.errors import EndpointError
from server.log import describe, log

HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


def problem_response(error: EndpointError) -> JSONResponse:
    """A problem as a response of its own."""
    headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s is not None else None
    return JSONResponse(problem_body(error), error.kind.status, headers, media_type="application/problem+json")


def problem_body(error: EndpointError) -> dict[str, object]:
    """{"type", "title", "status", "detail", "code"} and, where one field is to blame, "field"."""
    body: dict[str, object] = {
        "type": f"urn:scrutineer:problem:{error.code}",
        "title": error.kind.title,
        "status": error.kind.status,
        "detail": error.detail,
        "code": error.code,
    }
    if error.field is not None:
        body["field"] = error.field
    return body


def as_endpoint_error(error: Exception) -> EndpointError:
    """The error to tell a caller; what we did not foresee is logged by type and place, and told as our fault."""
    if isinstance(error, EndpointError):
        return error
    if isinstance(error, HTTPException) and error.status_code in HTTP_CODES:
        return EndpointError(HTTP_CODES[error.status_code], "The routes are GET /ping and POST /invocations.")
    log("internal_error", logging.ERROR, **describe(error))
    return EndpointError("internal_error", "The server failed on this request.")


def install(app: FastAPI) -> None:
    """Answer every exception of the app's routes with a problem."""

    async def handle(_: Request, error: Exception) -> JSONResponse:
        return problem_response(as_endpoint_error(error))

    app.add_exception_handler(HTTPException, handle)
    app.add_exception_handler(EndpointError, handle)
    app.add_exception_handler(Exception, handle)
