"""What S3 checks of a form that is posted to a bucket, which moto does not: the signed policy's conditions.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html. The signature itself is not
verified: every key is this machine's own.
"""

import base64
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.formparser import parse_form_data

LARGEST_FORM_BYTES = 64_000_000
UNSIGNED = {"policy", "x-amz-signature", "file"}


def with_post_policies(moto: WSGIApplication) -> WSGIApplication:
    """Refuses forms as S3 would; anything else, and every form that is right, is moto's."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_form = str(environ.get("CONTENT_TYPE", "")).startswith("multipart/form-data")
        if environ.get("REQUEST_METHOD") != "POST" or not is_form:
            return moto(environ, start_response)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > LARGEST_FORM_BYTES:
            return _refuse(start_response, "400 Bad Request", "EntityTooLarge", "The form is too large.")
        body = environ["wsgi.input"].read(length)
        _, form, files = parse_form_data({**environ, "wsgi.input": io.BytesIO(body)}, silent=False)
        size = len(files["file"].read()) if "file" in files else len(form.get("file", "").encode())
        bucket = str(environ.get("PATH_INFO", "")).strip("/")
        refusal = refused({name.lower(): value for name, value in form.items()}, size, bucket, datetime.now(UTC))
        if refusal is not None:
            return _refuse(start_response, *refusal)
        return moto({**environ, "wsgi.input": io.BytesIO(body)}, start_response)

    return answer


def refused(fields: Mapping[str, str], size_bytes: int, bucket: str, now: datetime) -> tuple[str, str, str] | None:
    """Status, code and message where the form is not what was signed; `fields` by name in lower case."""
    try:
        policy = json.loads(base64.b64decode(fields["policy"], validate=True))
        expires = datetime.fromisoformat(policy["expiration"])
        conditions = [condition for each in policy["conditions"] for condition in _triples(each)]
    except (KeyError, ValueError, TypeError, AttributeError):
        return "403 Forbidden", "AccessDenied", "There is no policy, or it can't be read."
    if now >= expires:
        return "403 Forbidden", "AccessDenied", "Invalid according to Policy: Policy expired."
    given = {**fields, "bucket": bucket}
    for kind, name, wanted in conditions:
        if kind == "content-length-range":
            if size_bytes < int(name):
                return "400 Bad Request", "EntityTooSmall", "Your proposed upload is smaller than the minimum."
            if size_bytes > int(wanted):
                return "400 Bad Request", "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size."
        elif not _holds(kind, given.get(name.lower()), wanted):
            return "403 Forbidden", "AccessDenied", f"Invalid according to Policy: Policy Condition failed: {name}."
    unnamed = set(fields) - {name.lower() for _, name, _ in conditions} - UNSIGNED
    if unnamed:
        return "403 Forbidden", "AccessDenied", "Invalid according to Policy: Extra input fields."
    return None


def _triples(condition: Any) -> list[tuple[str, str, str]]:
    if isinstance(condition, dict):
        return [("eq", name, value) for name, value in condition.items()]
    kind, name, value = condition
    return [(kind, str(name).removeprefix("$"), str(value))]


def _holds(kind: str, value: str | None, wanted: str) -> bool:
    if value is None:
        return False
    return value.startswith(wanted) if kind == "starts-with" else value == wanted


def _refuse(start_response: StartResponse, status: str, code: str, message: str) -> Iterable[bytes]:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]
