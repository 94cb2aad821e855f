"""What S3 tells a web page about a form that it posted: whether the page's origin is one of the bucket's CORS rules.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html. moto tells it for every other request.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from scrutineer.local.template_model import ACCOUNT


def with_bucket_cors(moto: WSGIApplication, find_rules: Callable[[str], Sequence[Any]]) -> WSGIApplication:
    """`find_rules` knows a bucket's rules, by its name, in moto's form; none for what is no bucket."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN")
        if environ.get("REQUEST_METHOD") != "POST" or not origin:
            return moto(environ, start_response)
        told = cors_headers(find_rules(str(environ.get("PATH_INFO", "")).strip("/").partition("/")[0]), origin, "POST")

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            return start_response(status, [*headers, *told], *error)

        return moto(environ, start)

    return answer


def cors_headers(rules: Sequence[Any], origin: str, method: str) -> list[tuple[str, str]]:
    """By the first rule that has both; without one the browser shows the page nothing."""
    for rule in rules:
        if method in rule.allowed_methods and (origin in rule.allowed_origins or "*" in rule.allowed_origins):
            return [
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Methods", ", ".join(rule.allowed_methods)),
                ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
            ]
    return []


def rules_in_moto(bucket: str) -> Sequence[Any]:
    """The rules that moto, in this process, was given for the bucket."""
    from moto.s3.models import s3_backends

    found = s3_backends[ACCOUNT]["aws"].buckets.get(bucket)
    return found.cors if found else ()
