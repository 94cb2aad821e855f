"""An admin API to talk to over real HTTP: its requests and answers are held to the functions' own contract."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from admin import contract, dead_letter_contract, report_contract
from core.contract import ServiceState
from core.roles import ROUTES

CLIENT_ID, KEY_ID, MEMBER_ID = "client_aaaaaaaaaaaaaaaaaaaaaaaaaa", "key_bbbbbbbbbbbbbbbbbbbbbbbbbb", "member_cc"
NEW_KEY = "scr_" + "N" * 43
AT = "2026-11-21T09:30:00Z"

CLIENT = {
    "client_id": CLIENT_ID,
    "name": "Hub 7",
    "plan": "standard",
    "disabled_at": None,
    "retention_days": 30,
    "reuse_window_s": None,
    "photo_match_window_s": None,
    "erase_before": None,
    "created_at": AT,
    "updated_at": None,
}
KEY = {
    "key_id": KEY_ID,
    "client_id": CLIENT_ID,
    "name": "till",
    "hint": "scr_Nabc",
    "role": "operator",
    "scopes": ["inspections:read"],
    "created_at": AT,
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": AT,
    "replaces_key_id": None,
}
MEMBER = {
    "member_id": MEMBER_ID,
    "client_id": CLIENT_ID,
    "name": "Ann",
    "issuer": "https://id.example/",
    "subject": "ann|1",
    "role": "reviewer",
    "created_at": AT,
}
LIMITS = {
    "rate_per_s": 10,
    "burst": 20,
    "quota_day": None,
    "quota_month": 100_000,
    "concurrent": 200,
    "tasks": ["inspect", "embed"],
    "max_photos": 20,
    "default_wait_s": 20,
    "max_wait_s": 25,
}
PLAN = {"plan": "gold", **LIMITS, "created_at": AT, "updated_at": AT}
USAGE = {
    "client_id": CLIENT_ID,
    "today": 40,
    "this_month": 1240,
    "running": 3,
    "days": [
        {"day": "2026-11-20", "task": "inspect", "accepted": 1200, "refunded": 0},
        {"day": "2026-11-21", "task": "inspect", "accepted": 43, "refunded": 3},
    ],
}
ME = {
    "client_id": CLIENT_ID,
    "actor": KEY_ID,
    "role": "admin",
    "scopes": ["usage:read"],
    "plan": "standard",
    **{name: LIMITS[name] for name in ("tasks", "max_photos", "default_wait_s", "max_wait_s", "rate_per_s", "burst")},
    "limits": [{"name": "month", "most": 100_000, "used": 1240, "left": 98_760, "resets_in_s": 800_000}],
}
SERVICE = {
    "open": False,
    "opens": "06:00",
    "closes": "24:00",
    "timezone": "Asia/Kolkata",
    "opens_at": "2026-11-22T00:30:00Z",
    "closes_at": "2026-11-22T18:30:00Z",
    "held": 217,
}
ROLES = {
    "roles": [
        {"role": "auditor", "actions": ["audit:read"], "across_clients": True, "may_grant": []},
    ]
}
LINE = {
    "at": AT,
    "actor": KEY_ID,
    "actor_role": "admin",
    "client_id": CLIENT_ID,
    "action": "clients:update",
    "target": CLIENT_ID,
    "before": CLIENT,
    "after": {**CLIENT, "plan": "gold"},
    "source_ip": "203.0.113.9",
    "request_id": "r-1",
}
DIFFERENCE = {"record": KEY_ID, "problem": "not on the usage plan"}
DRY_RUN = {"dry_run": True, "before": {"plan": "standard", "name": "Hub 7"}, "after": {"plan": "gold", "name": "Hub 7"}}
GATEWAY_DRY_RUN = {
    "dry_run": True,
    "before": {"in_step": False, "differences": [DIFFERENCE]},
    "after": {"in_step": True, "differences": []},
}

MESSAGE_ID = "0b7c9a52-0000-4000-8000-000000000000"
DEAD_LETTER = {
    "message_id": MESSAGE_ID,
    "stage": "invoke",
    "inspection_id": "insp_" + "d" * 26,
    "client_id": CLIENT_ID,
    "state": "error",
    "receives": 9,
    "first_sent_at": AT,
    "why": "endpoint_unavailable: The endpoint is away.",
}
DEAD_LETTERS = {"queues": [{"stage": "invoke", "waiting": 3}], "dead_letters": [DEAD_LETTER]}
REDRIVEN = {"stage": "invoke", "inspection_ids": [DEAD_LETTER["inspection_id"]], "kept": 0, "more": False}

ANSWERS: dict[tuple[str, str], tuple[type[BaseModel], dict[str, Any]] | None] = {
    ("GET", "/v1/me"): (report_contract.Me, ME),
    ("GET", "/v1/service"): (ServiceState, SERVICE),
    ("GET", "/v1/admin/roles"): (report_contract.Roles, ROLES),
    ("GET", "/v1/admin/clients"): (contract.ClientPage, {"clients": [CLIENT], "next_cursor": None}),
    ("POST", "/v1/admin/clients"): (contract.Client, CLIENT),
    ("GET", "/v1/admin/clients/{client_id}"): (contract.Client, CLIENT),
    ("PATCH", "/v1/admin/clients/{client_id}"): (contract.Client, CLIENT),
    ("DELETE", "/v1/admin/clients/{client_id}/photos"): (contract.Client, {**CLIENT, "erase_before": AT}),
    ("GET", "/v1/admin/clients/{client_id}/usage"): (report_contract.Usage, USAGE),
    ("GET", "/v1/admin/clients/{client_id}/keys"): (contract.KeyPage, {"keys": [KEY], "next_cursor": None}),
    ("POST", "/v1/admin/clients/{client_id}/keys"): (contract.IssuedKey, {**KEY, "key": NEW_KEY}),
    ("PATCH", "/v1/admin/clients/{client_id}/keys/{key_id}"): (contract.Key, KEY),
    ("DELETE", "/v1/admin/clients/{client_id}/keys/{key_id}"): (contract.Key, {**KEY, "revoked_at": AT}),
    ("POST", "/v1/admin/clients/{client_id}/keys/{key_id}/rotate"): (
        contract.RotatedKey,
        {"new": {**KEY, "key_id": "key_new", "key": NEW_KEY}, "old": {**KEY, "revoked_at": "2099-01-01T00:00:00Z"}},
    ),
    ("GET", "/v1/admin/clients/{client_id}/members"): (
        contract.MemberPage,
        {"members": [MEMBER], "next_cursor": None},
    ),
    ("POST", "/v1/admin/clients/{client_id}/members"): (contract.Member, MEMBER),
    ("PATCH", "/v1/admin/clients/{client_id}/members/{member_id}"): (contract.Member, MEMBER),
    ("DELETE", "/v1/admin/clients/{client_id}/members/{member_id}"): None,
    ("GET", "/v1/admin/plans"): (contract.PlanList, {"plans": [PLAN]}),
    ("GET", "/v1/admin/plans/{plan}"): (contract.Plan, PLAN),
    ("PUT", "/v1/admin/plans/{plan}"): (contract.Plan, PLAN),
    ("DELETE", "/v1/admin/plans/{plan}"): None,
    ("GET", "/v1/admin/audit"): (report_contract.AuditPage, {"lines": [LINE], "next_cursor": None}),
    ("GET", "/v1/admin/gateway"): (report_contract.GatewayState, {"in_step": False, "differences": [DIFFERENCE]}),
    ("POST", "/v1/admin/gateway/reconcile"): (report_contract.GatewayMended, {"mended": [DIFFERENCE], "left": []}),
    ("GET", "/v1/admin/dead-letters"): (dead_letter_contract.DeadLetters, DEAD_LETTERS),
    ("POST", "/v1/admin/dead-letters/redrive"): (dead_letter_contract.Redriven, REDRIVEN),
}
BODIES: dict[tuple[str, str], type[BaseModel]] = {
    ("POST", "/v1/admin/clients"): contract.NewClient,
    ("PATCH", "/v1/admin/clients/{client_id}"): contract.ClientChange,
    ("POST", "/v1/admin/clients/{client_id}/keys"): contract.NewKey,
    ("PATCH", "/v1/admin/clients/{client_id}/keys/{key_id}"): contract.KeyChange,
    ("POST", "/v1/admin/clients/{client_id}/keys/{key_id}/rotate"): contract.Rotation,
    ("POST", "/v1/admin/clients/{client_id}/members"): contract.NewMember,
    ("PATCH", "/v1/admin/clients/{client_id}/members/{member_id}"): contract.MemberChange,
    ("PUT", "/v1/admin/plans/{plan}"): contract.PlanInput,
    ("POST", "/v1/admin/dead-letters/redrive"): dead_letter_contract.Redrive,
}


class AdminApi:
    """An ASGI application. `requests` holds what changed something or asked; `other` puts its answer before all."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.keys: set[str | None] = set()
        self.other: Callable[[str, str, dict[str, str]], Response | None] = lambda method, path, query: None

    def __repr__(self) -> str:
        return f"AdminApi({self.requests})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = scope["raw_path"].decode().removeprefix("/dev")  # as sent, not decoded
        query = dict(parse_qsl(request.url.query))
        body = await request.json() if await request.body() else None
        self.keys.add(request.headers.get("x-api-key"))
        self.requests.append((request.method, path, query, body))
        response = self.other(request.method, path, query) or self._answer(request.method, path, query, body)
        await response(scope, receive, send)

    def _answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Response:
        route = next((each for each in ROUTES if each.matches(method, path)), None)
        if route is None:
            return problem(404, "unknown_route", "There is no such route.")
        if (route.method, route.path) in BODIES:
            BODIES[route.method, route.path].model_validate(body)
        elif body:
            return problem(400, "invalid_request", "This route has no body.")
        if query.get("dry_run") == "true":
            would = GATEWAY_DRY_RUN if path.endswith("/reconcile") else DRY_RUN
            return JSONResponse(contract.DryRun.model_validate(would).model_dump(mode="json"))
        answer = ANSWERS[route.method, route.path]
        if answer is None:
            return Response(status_code=204)
        model, content = answer
        return JSONResponse(model.model_validate(content).model_dump(mode="json"))


def problem(status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    headers = {"retry-after": str(more.pop("retry_after"))} if "retry_after" in more else None
    content = {"type": f"urn:scrutineer:problem:{code}", "title": code, "status": status, "detail": detail}
    return JSONResponse({**content, "code": code, **more}, status_code=status, headers=headers)
