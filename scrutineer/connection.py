"""One connection to one gateway with one key: every request comes to JSON, or to one line on what is wrong."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from scrutineer.errors import RequestFailed, UserError
from scrutineer.event_stream import EventStream, read_stream

TIMEOUT_S = 35  # the gateway answers at 29 s at the latest
NO_CONTENT = 204
Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """Of a request that succeeded; `content` is empty where the gateway had nothing to say."""

    content: Json
    headers: Mapping[str, str]


class GatewayConnection:
    """`waiting` gives what goes on around every request.

    Raises UserError for an address or a key that can be none.
    """

    def __init__(self, url: str, key: str, *, waiting: Callable[[], AbstractContextManager[Any]] = nullcontext) -> None:
        # Checked here, since the error of the HTTP library would repeat the key.
        if not re.fullmatch(r"[!-~]+", key):
            raise UserError("The key is empty or holds characters that no key has.")
        self._waiting = waiting
        try:
            self._http = httpx.Client(
                base_url=url.rstrip("/"), headers={"x-api-key": key}, timeout=TIMEOUT_S, trust_env=False
            )
        except httpx.InvalidURL as error:
            raise UserError(f"{url!r} is no address: {error}") from error

    def close(self) -> None:
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Raises RequestFailed for a problem or an answer that is not ours, UserError where nothing answers."""
        answer = self._send(method, path, json=json, params=params, headers=headers)
        return Answer(_content(answer), answer.headers)

    def event_stream(self, path: str, *, last_id: str) -> EventStream | None:
        """The events that follow `last_id`, in as far as one answer has them; None where there will be no more.

        Raises as `request` does.
        """
        answer = self._send("GET", path, headers={"Accept": "text/event-stream", "Last-Event-ID": last_id})
        if answer.status_code == NO_CONTENT:
            return None
        if not answer.is_success or not answer.headers.get("content-type", "").startswith("text/event-stream"):
            _content(answer)
            raise _not_ours(answer)
        try:
            return read_stream(answer.text)
        except ValueError as error:
            raise _not_ours(answer) from error

    def _send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        try:
            with self._waiting():
                return self._http.request(method, path, **parts)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UserError(f"The gateway at {self._http.base_url} can't be reached: {error}") from error
        except UnicodeEncodeError as error:
            raise UserError("A file's name or a word of the command line is not valid Unicode.") from error


def segment(name: str) -> str:
    """As one part of a path, whatever is in it: what names one thing must not lead to another route."""
    if name in ("", ".", ".."):
        raise UserError(f"{name!r} names nothing.")
    return quote(name, safe="")


class GatewayClient:
    """What every client of the gateway is: one connection with one key, closed with the block that it is used in.

    `waiting` gives what goes on around every request.
    """

    def __init__(self, url: str, key: str, *, waiting: Callable[[], AbstractContextManager[Any]] = nullcontext) -> None:
        self._connection = GatewayConnection(url, key, waiting=waiting)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def _content(answer: httpx.Response) -> Json:
    if answer.is_success and not answer.content:
        return {}
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise _not_ours(answer)
    if answer.is_success:
        return content
    if "retry-after" in answer.headers:
        content["detail"] = f"{content.get('detail', 'Not now.')} Come back in {answer.headers['retry-after']} s."
    raise RequestFailed(answer.status_code, content)


def _not_ours(answer: httpx.Response) -> RequestFailed:
    problem: Json = {"code": "not_json", "detail": "the answer is not JSON; is this the address of a Scrutineer?"}
    return RequestFailed(answer.status_code, problem)
