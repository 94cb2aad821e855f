"""`scrutineer smoke` against services that answer as ours does, and as ours must not."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from scrutineer.local.http_server import HttpServer
from tests.unit.scrutineer.cli.conftest import Command, Done

ID = "insp_" + "d" * 26
CHECKS = ["answers", "documentation", "refuses strangers", "unknown route", "inspection"]
KEY = "scr_" + "A" * 43
PASSED: dict[str, Any] = {
    "id": ID,
    "state": "passed",
    "final": True,
    "held_until": None,
    "failure": None,
    "verdict": {"model": {"name": "demo", "version": "1"}, "served_by": "primary"},
}
WAITING = PASSED | {"state": "accepted", "final": False, "verdict": None}


def problem(status: int, code: str) -> Response:
    return JSONResponse({"status": status, "code": code}, status, media_type="application/problem+json")


class Service:
    """`inspection` is what an inspection comes to; `wrong` takes the place of an answer by its path."""

    def __init__(self) -> None:
        self.inspection = PASSED
        self.wrong: dict[str, Response] = {}
        self.posted: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.cancelling: Response = JSONResponse({})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await self._answer(request.method, request.url.path.removeprefix("/dev"), request, await request.body())(
            scope, receive, send
        )

    def _answer(self, method: str, path: str, request: Request, body: bytes) -> Response:
        stranger = request.headers.get("x-api-key") != KEY
        for wrong, answer in self.wrong.items():
            if path.startswith(wrong) and stranger:
                return answer
        match method, path:
            case "GET", "/v1/openapi.json":
                return JSONResponse({"info": {"version": "0.1.0"}})
            case "GET", "/v1/docs":
                return HTMLResponse("<html>")
            case _, path if path.startswith("/v1/nowhere"):
                return problem(404, "unknown_route")
            case "GET", "/v1/inspections":
                return problem(401, "unauthorized")
            case "POST", "/v1/inspections":
                self.posted.append(json.loads(body))
                return JSONResponse(self.inspection)
            case "POST", path if path.endswith("/cancel"):
                self.cancelled.append(path)
                return self.cancelling
            case "GET", _:
                return JSONResponse(self.inspection)
        raise AssertionError((method, path))


@pytest.fixture(scope="module")
def _server() -> Iterator[tuple[Service, str]]:
    service = Service()
    server = HttpServer(service, name="service")
    server.start()
    yield service, f"{server.url}/dev"
    server.stop()


@pytest.fixture
def service(_server: tuple[Service, str]) -> Service:
    _server[0].__init__()  # type: ignore[misc]
    return _server[0]


@pytest.fixture
def smoke(_server: tuple[Service, str], command: Command) -> Command:
    return lambda *words: command("smoke", "--url", _server[1], "--key", KEY, "--within", "1", *words)


def outcomes(done: Done) -> dict[str, str]:
    return {finding["check"]: finding["outcome"] for finding in json.loads(done.out)["findings"]}


def test_all_is_well(smoke: Command, service: Service) -> None:
    done = smoke("--json")
    assert (done.code, list(outcomes(done))) == (0, CHECKS)
    assert set(outcomes(done).values()) == {"ok"}
    assert json.loads(done.out)["ok"] is True
    (asked,) = service.posted
    assert (len(asked["photos"]), asked["reference"]) == (4, "smoke test")
    assert service.cancelled == []


def test_for_people_it_is_a_table(smoke: Command, service: Service) -> None:
    done = smoke()
    assert done.code == 0
    assert "inspection" in done.out
    assert "passed by demo 1" in " ".join(done.out.split())


def test_each_round_is_an_inspection_of_its_own(smoke: Command, service: Service) -> None:
    smoke()
    smoke()
    first, second = (asked["item"] for asked in service.posted)
    assert first["sku"] != second["sku"]


@pytest.mark.parametrize(
    ("path", "answer", "check", "told"),
    [
        ("/v1/openapi.json", JSONResponse({}, 502), "answers", "answers 502"),
        ("/v1/openapi.json", HTMLResponse("<html>"), "answers", "is not JSON"),
        ("/v1/docs", JSONResponse({}), "documentation", "200 with application/json"),
        ("/v1/inspections", JSONResponse({"inspections": []}), "refuses strangers", "answers 200, not 401"),
        ("/v1/inspections", JSONResponse({}, 401), "refuses strangers", "not problem+json"),
        ("/v1/inspections", problem(401, "forbidden"), "refuses strangers", "not unauthorized"),
        ("/v1/nowhere", problem(403, "forbidden"), "unknown route", "answers 403, not 404"),
    ],
)
def test_what_is_wrong_is_told(
    smoke: Command, service: Service, path: str, answer: Response, check: str, told: str
) -> None:
    service.wrong[path] = answer
    done = smoke("--json")
    assert done.code == 1
    (wrong,) = [each for each in json.loads(done.out)["findings"] if each["outcome"] != "ok"]
    assert wrong["check"] == check
    assert told in wrong["detail"]


def test_where_nothing_answers_nothing_else_is_looked_at(command: Command) -> None:
    done = command("smoke", "--url", "http://127.0.0.1:9", "--key", KEY, "--within", "1", "--json")
    assert (done.code, outcomes(done)) == (1, {"answers": "failed"})


@pytest.mark.parametrize(
    ("inspection", "outcome", "told", "cancels"),
    [
        (PASSED | {"state": "review"}, "ok", "review by demo", False),
        (
            PASSED | {"state": "error", "verdict": None, "failure": {"detail": "The model failed."}},
            "failed",
            "ended as error: The model failed.",
            False,
        ),
        (WAITING, "failed", "still accepted after 1 s", True),
        (WAITING | {"held_until": "2026-11-21T06:00:00Z"}, "skipped", "closed until 2026-11-21T06:00:00Z", True),
    ],
)
def test_what_the_inspection_came_to(
    smoke: Command, service: Service, inspection: dict[str, Any], outcome: str, told: str, cancels: bool
) -> None:
    service.inspection = inspection
    done = smoke("--json")
    found = json.loads(done.out)["findings"][-1]
    assert (found["outcome"], done.code) == (outcome, 1 if outcome == "failed" else 0)
    assert told in found["detail"]
    assert bool(service.cancelled) is cancels


def test_one_that_ends_while_it_is_cancelled_is_left_alone(smoke: Command, service: Service) -> None:
    service.inspection = WAITING
    service.cancelling = problem(409, "already_final")
    assert outcomes(smoke("--json"))["inspection"] == "failed"
