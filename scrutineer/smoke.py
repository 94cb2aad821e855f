"""A first look at a service that has just been deployed: does it answer, refuse, and come to a verdict?"""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from scrutineer.client import Client
from scrutineer.connection import TIMEOUT_S
from scrutineer.errors import RequestFailed, UserError

OK, FAILED, SKIPPED = "ok", "failed", "skipped"
VERDICTS = ("passed", "failed", "review")
AGAIN_S = 2.0


@dataclass(frozen=True)
class Finding:
    """`outcome` is ok, failed or skipped; `detail` says what was seen, in a sentence without an end."""

    check: str
    outcome: str
    seconds: float
    detail: str


class CheckFailed(Exception):
    """The service answered in another way than it should."""


class CheckSkipped(Exception):
    """It can't be told at this moment, and nothing is wrong with that."""


class Smoke:
    """One round against the service at `url`, for the client of `key`.

    `within_s` bounds both the wait for a first answer, since a new stage takes a while to be everywhere, and the
    inspection, whose endpoint may have to start from zero.
    """

    def __init__(
        self,
        url: str,
        key: str,
        photos: Sequence[Path],
        *,
        within_s: int,
        waiting: Callable[[str], None] = lambda what: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._photos = photos
        self._within_s = within_s
        self._waiting = waiting
        self._sleep = sleep

    def run(self) -> Iterator[Finding]:
        """One finding a check; what can't be true after a failure is not looked at any more."""
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as http:
            for name, check in (
                ("answers", self._answers),
                ("documentation", self._documentation),
                ("refuses strangers", self._refuses),
                ("unknown route", self._unknown_route),
                ("inspection", self._inspection),
            ):
                self._waiting(name)
                finding = _found(name, lambda check=check: check(http))  # type: ignore[misc]
                yield finding
                if name == "answers" and finding.outcome == FAILED:
                    return

    def _answers(self, http: httpx.Client) -> str:
        end = time.monotonic() + self._within_s
        while True:
            try:
                answer = http.get(f"{self._url}/v1/openapi.json")
                if answer.status_code == 200:
                    return f"serves version {(_json(answer).get('info') or {}).get('version')} of the API"
                seen = f"GET /v1/openapi.json answers {answer.status_code}"
            except httpx.HTTPError as error:
                seen = f"it can't be reached: {error}"
            if time.monotonic() >= end:
                raise CheckFailed(seen)
            self._sleep(AGAIN_S)

    def _documentation(self, http: httpx.Client) -> str:
        answer = http.get(f"{self._url}/v1/docs")
        kind = answer.headers.get("content-type", "nothing")
        if answer.status_code != 200 or not kind.startswith("text/html"):
            raise CheckFailed(f"GET /v1/docs answers {answer.status_code} with {kind}")
        return "a page at /v1/docs"

    def _refuses(self, http: httpx.Client) -> str:
        """By the gateway itself, by the authorizer, and in our error shape."""
        _problem(http.get(f"{self._url}/v1/inspections"), 401, "unauthorized")
        made_up = {"x-api-key": f"scr_{uuid.uuid4().hex}"}
        _problem(http.get(f"{self._url}/v1/inspections", headers=made_up), 401, "unauthorized")
        return "401 without a key and with a made-up one"

    def _unknown_route(self, http: httpx.Client) -> str:
        _problem(http.get(f"{self._url}/v1/nowhere-{uuid.uuid4().hex[:8]}"), 404, "unknown_route")
        return "404 in our error shape"

    def _inspection(self, http: httpx.Client) -> str:
        # A number of its own, so that no earlier verdict is reused; the model is not told it.
        item = {"description": "red shoe", "sku": f"smoke-{uuid.uuid4().hex[:12]}"}
        with Client(self._url, self._key) as client:
            inspection = client.inspect(
                self._photos,
                item=item,
                checklist="reverse-pickup",
                reference="smoke test",
                wait_s=self._within_s,
                waiting=lambda state: self._waiting(f"inspection, now {state}"),
            )
            if not inspection["final"]:
                _cancel(client, inspection["id"])
                if inspection["held_until"]:
                    raise CheckSkipped(f"the service is closed until {inspection['held_until']}")
                raise CheckFailed(f"{inspection['id']} is still {inspection['state']} after {self._within_s} s")
        if inspection["state"] not in VERDICTS:
            why = (inspection["failure"] or {}).get("detail", "no reason was given")
            raise CheckFailed(f"{inspection['id']} ended as {inspection['state']}: {why}")
        model = inspection["verdict"]["model"]
        return f"{inspection['state']} by {model['name']} {model['version']}, {inspection['verdict']['served_by']}"


def _found(name: str, check: Callable[[], str]) -> Finding:
    start = time.monotonic()
    try:
        outcome, detail = OK, check()
    except CheckSkipped as skipped:
        outcome, detail = SKIPPED, str(skipped)
    except (CheckFailed, UserError, httpx.HTTPError) as error:
        outcome, detail = FAILED, str(error)
    return Finding(name, outcome, round(time.monotonic() - start, 2), detail)


def _problem(answer: httpx.Response, status: int, code: str) -> None:
    asked = f"{answer.request.method} {answer.request.url.path}"
    kind = answer.headers.get("content-type", "nothing")
    if answer.status_code != status:
        raise CheckFailed(f"{asked} answers {answer.status_code}, not {status}")
    if not kind.startswith("application/problem+json"):
        raise CheckFailed(f"{asked} answers with {kind}, not problem+json")
    if _json(answer).get("code") != code:
        raise CheckFailed(f"{asked} answers with the code {_json(answer).get('code')}, not {code}")


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise CheckFailed(f"{answer.request.url.path} is not JSON; is this the address of a Scrutineer?")
    return content


def _cancel(client: Client, inspection_id: str) -> None:
    """So that nothing is left to do for a test that is over."""
    try:
        client.cancel(inspection_id)
    except RequestFailed as failed:
        if failed.status != 409:  # it ended meanwhile
            raise
