"""One connection to one gateway with one key: every request comes to JSON, or to one line on what is wrong."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import httpx

from scrutineer.errors import RequestFailed, UserError

TIMEOUT_S = 35  # the gateway answers at 29 s at the latest
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
        try:
            with self._waiting():
                answer = self._http.request(method, path, json=json, params=params, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UserError(f"The gateway at {self._http.base_url} can't be reached: {error}") from error
        except UnicodeEncodeError as error:
            raise UserError("A file's name or a word of the command line is not valid Unicode.") from error
        return Answer(_content(answer), answer.headers)


def _content(answer: httpx.Response) -> Json:
    if answer.is_success and not answer.content:
        return {}
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise RequestFailed(
            answer.status_code,
            {"code": "not_json", "detail": "the answer is not JSON; is this the address of a Scrutineer?"},
        )
    if answer.is_success:
        return content
    if "retry-after" in answer.headers:
        content["detail"] = f"{content.get('detail', 'Not now.')} Come back in {answer.headers['retry-after']} s."
    raise RequestFailed(answer.status_code, content)
