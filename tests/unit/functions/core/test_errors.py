"""Every error a client can meet: its code and status are promises, so the list is pinned here."""

import importlib
import json
from pathlib import Path

from core.contract import Problem
from core.errors import NotFound, ScrutineerError, Unavailable, all_problems, problem, problem_headers

FUNCTIONS = Path(__file__).parents[4] / "functions"

PROBLEMS = {
    ("already_final", 409, "What is final stays as it is"),
    ("conflict", 409, "It can't be done as things stand"),
    ("endpoint_refused", 502, "The model endpoint refused the request"),
    ("deadline_exceeded", 504, "Too late for the caller's deadline"),
    ("endpoint_unavailable", 503, "The model endpoint is not available"),
    ("forbidden", 403, "Not allowed"),
    ("idempotency_conflict", 409, "The idempotency key was used with another request"),
    ("internal_error", 500, "Something went wrong on our side"),
    ("invalid_manifest", 400, "The manifest can't be taken"),
    ("invalid_model_answer", 503, "The model's answer can't be used"),
    ("invalid_photo", 400, "A photo can't be read"),
    ("invalid_request", 400, "The request is not valid"),
    ("manifest_gone", 410, "The manifest is no longer there"),
    ("manifest_too_large", 413, "The manifest has too many lines, or one that is too long"),
    ("not_found", 404, "Not found"),
    ("not_json", 400, "The body is not JSON"),
    ("not_offered", 501, "This is not offered here"),
    ("not_on_plan", 403, "The usage plan does not include this"),
    ("not_reached", 503, "An address that was given does not answer"),
    ("photo_count", 400, "Too few or too many photos"),
    ("photo_gone", 410, "A photo is no longer there"),
    ("photo_too_large", 413, "A photo is too large"),
    ("photos_unusable", 422, "Photos must be taken again; the detail says which and how"),
    ("quota_exceeded", 429, "The usage plan's quota is used up"),
    ("too_many_running", 429, "Too many inspections are under way"),
    ("unavailable", 503, "Not available at the moment"),
    ("outside_hours", 503, "The service is closed until after the deadline"),
    ("unknown_checklist", 400, "There is no such checklist"),
    ("unknown_route", 404, "There is no such route"),
    ("unknown_upload", 400, "There is no such upload"),
    ("unsafe_address", 400, "The address can't be used"),
    ("unusable_input", 422, "The model can't use this input"),
    ("unsupported_media_type", 415, "The body is of another type"),
}


def every_problem() -> list[type[ScrutineerError]]:
    """With every module of functions/ imported, so that no subclass is missed."""
    for file in sorted(FUNCTIONS.glob("*/*.py")):
        importlib.import_module(f"{file.parent.name}.{file.stem}")
    return [each for each in all_problems() if each.__module__.split(".")[0] != "tests"]


def test_the_list_is_what_was_promised() -> None:
    assert {(each.code, each.status, each.title) for each in every_problem()} == PROBLEMS


def test_codes_are_unique() -> None:
    codes = [each.code for each in every_problem()]
    assert len(codes) == len(set(codes))


def test_shape() -> None:
    body = problem(NotFound("There is no such inspection.", field="id"), errors=[{"field": "id", "problem": "x"}])
    assert body == {
        "type": "urn:scrutineer:problem:not_found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no such inspection.",
        "code": "not_found",
        "field": "id",
        "errors": [{"field": "id", "problem": "x"}],
    }
    assert Problem.model_validate_json(json.dumps(body)).code == "not_found"


def test_absent_members_are_left_out() -> None:
    assert set(problem(NotFound("x"))) == {"type", "title", "status", "detail", "code"}


def test_retry_after_is_told_where_it_is_known() -> None:
    assert problem_headers(Unavailable("x", retry_after_s=5)) == {"Retry-After": "5"}
    assert problem_headers(Unavailable("x")) == {}
