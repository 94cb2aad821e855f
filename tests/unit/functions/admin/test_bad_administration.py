"""Every bad input of an administrator through the real resolver: a problem that names the field, nothing written."""

from typing import Any, get_args

import pytest
from pydantic import BaseModel

from admin import app, contract
from admin.services import Services
from core import front_door
from core.contract import Problem
from core.database import Transaction
from tests.fakes.administration import PLAN, Away
from tests.fakes.api_gateway import Answer, FakeContext, read_answer, rest_event
from tests.fakes.database import FakeDatabase

CLIENTS = "/v1/admin/clients"
CLIENT = f"{CLIENTS}/client-a"
KEYS, KEY = f"{CLIENT}/keys", f"{CLIENT}/keys/key_x"
MEMBERS, MEMBER = f"{CLIENT}/members", f"{CLIENT}/members/member_x"
PLANS = "/v1/admin/plans"
NEW_CLIENT = {"name": "x", "plan": "standard"}
NEW_KEY = {"name": "x", "role": "viewer"}
NEW_MEMBER = {"name": "x", "issuer": "https://id.example/", "subject": "x", "role": "viewer"}
IAM = {**NEW_MEMBER, "issuer": "iam"}
WRITES = ("INSERT", "UPDATE", "DELETE")


class Wary(FakeDatabase):
    """Fails the test at the first statement that writes."""

    def _use(self, statement: str, values: Any) -> None:
        assert not statement.startswith(WRITES)
        super()._use(statement, values)

    def transaction(self, work: Any) -> Any:
        transaction: Transaction = self
        return work(transaction)


def ask(method: str, path: str, body: Any = None, **parts: Any) -> Answer:
    return ask_event(rest_event(method, path, body=body, **parts))


def ask_event(event: dict[str, Any]) -> Answer:
    database = Wary()
    app.app.context["services"] = Services(database, "stack", Away, dict)
    return read_answer(front_door.answer(app.app, event, FakeContext(), database))


def check_problem(answer: Answer, field: str | None, code: str = "invalid_request", status: int = 400) -> None:
    problem = Problem.model_validate_json(answer.text)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")
    assert (problem.code, problem.field) == (code, field)
    assert "Traceback" not in answer.text
    assert len(answer.text) < 10_000


BAD: list[tuple[str, str, Any, str]] = [
    ("POST", CLIENTS, {}, "name"),
    ("POST", CLIENTS, NEW_CLIENT | {"name": ""}, "name"),
    ("POST", CLIENTS, NEW_CLIENT | {"name": "  "}, "name"),
    ("POST", CLIENTS, NEW_CLIENT | {"name": "x" * 101}, "name"),
    ("POST", CLIENTS, NEW_CLIENT | {"name": 7}, "name"),
    ("POST", CLIENTS, NEW_CLIENT | {"name": None}, "name"),
    ("POST", CLIENTS, {"name": "x"}, "plan"),
    ("POST", CLIENTS, NEW_CLIENT | {"plan": "Standard"}, "plan"),
    ("POST", CLIENTS, NEW_CLIENT | {"plan": "a'; DROP TABLE plans"}, "plan"),
    ("POST", CLIENTS, NEW_CLIENT | {"plan": "x" * 41}, "plan"),
    ("POST", CLIENTS, NEW_CLIENT | {"retention_days": 0}, "retention_days"),
    ("POST", CLIENTS, NEW_CLIENT | {"retention_days": 3651}, "retention_days"),
    ("POST", CLIENTS, NEW_CLIENT | {"retention_days": "soon"}, "retention_days"),
    ("POST", CLIENTS, NEW_CLIENT | {"reuse_window_s": 0}, "reuse_window_s"),
    ("POST", CLIENTS, NEW_CLIENT | {"reuse_window_s": 2_592_001}, "reuse_window_s"),
    ("POST", CLIENTS, NEW_CLIENT | {"photo_match_window_s": 0}, "photo_match_window_s"),
    ("POST", CLIENTS, NEW_CLIENT | {"photo_match_window_s": 7_776_001}, "photo_match_window_s"),
    ("POST", CLIENTS, [], "body"),
    ("PATCH", CLIENT, {}, "body"),
    ("PATCH", CLIENT, {"name": None}, "name"),
    ("PATCH", CLIENT, {"plan": None}, "plan"),
    ("PATCH", CLIENT, {"disabled": "perhaps"}, "disabled"),
    ("PATCH", CLIENT, {"disabled": None}, "disabled"),
    ("POST", KEYS, NEW_KEY | {"name": ""}, "name"),
    ("POST", KEYS, {"name": "x"}, "role"),
    ("POST", KEYS, NEW_KEY | {"role": "root"}, "role"),
    ("POST", KEYS, NEW_KEY | {"role": "Admin"}, "role"),
    ("POST", KEYS, NEW_KEY | {"scopes": []}, "scopes"),
    ("POST", KEYS, NEW_KEY | {"scopes": ["everything"]}, "scopes[0]"),
    ("POST", KEYS, NEW_KEY | {"scopes": "usage:read"}, "scopes"),
    ("POST", KEYS, NEW_KEY | {"scopes": ["usage:read"] * 100}, "scopes"),
    ("POST", KEYS, NEW_KEY | {"expires_at": "tomorrow"}, "expires_at"),
    ("POST", KEYS, NEW_KEY | {"expires_at": "2030-01-01T00:00:00"}, "expires_at"),
    ("PATCH", KEY, {}, "body"),
    ("PATCH", KEY, {"name": None}, "name"),
    ("PATCH", KEY, {"expires_at": ""}, "expires_at"),
    ("POST", f"{KEY}/rotate", {"overlap_s": -1}, "overlap_s"),
    ("POST", f"{KEY}/rotate", {"overlap_s": contract.LONGEST_OVERLAP_S + 1}, "overlap_s"),
    ("POST", f"{KEY}/rotate", {"overlap_s": "long"}, "overlap_s"),
    ("POST", MEMBERS, NEW_MEMBER | {"name": ""}, "name"),
    ("POST", MEMBERS, NEW_MEMBER | {"issuer": "http://id.example/"}, "issuer"),
    ("POST", MEMBERS, NEW_MEMBER | {"issuer": "IAM"}, "issuer"),
    ("POST", MEMBERS, NEW_MEMBER | {"issuer": "https://" + "x" * 250}, "issuer"),
    ("POST", MEMBERS, NEW_MEMBER | {"subject": ""}, "subject"),
    ("POST", MEMBERS, NEW_MEMBER | {"subject": "a b"}, "subject"),
    ("POST", MEMBERS, NEW_MEMBER | {"subject": "x" * 256}, "subject"),
    ("POST", MEMBERS, NEW_MEMBER | {"role": "root"}, "role"),
    ("POST", MEMBERS, IAM, "subject"),
    ("POST", MEMBERS, IAM | {"subject": "arn:aws:iam::123456789012:root"}, "subject"),
    ("POST", MEMBERS, IAM | {"subject": "arn:aws:iam::1:role/x"}, "subject"),
    ("POST", MEMBERS, IAM | {"subject": "arn:aws:iam::*:role/*"}, "subject"),
    ("PATCH", MEMBER, {}, "body"),
    ("PATCH", MEMBER, {"role": None}, "role"),
    ("PUT", f"{PLANS}/Standard", PLAN, "plan"),
    ("PUT", f"{PLANS}/x%2F..%2Fy", PLAN, "plan"),
    ("PUT", f"{PLANS}/small", PLAN | {"rate_per_s": 0}, "rate_per_s"),
    ("PUT", f"{PLANS}/small", PLAN | {"rate_per_s": 10_001}, "rate_per_s"),
    ("PUT", f"{PLANS}/small", PLAN | {"burst": 0}, "burst"),
    ("PUT", f"{PLANS}/small", PLAN | {"quota_day": 0}, "quota_day"),
    ("PUT", f"{PLANS}/small", PLAN | {"quota_month": -1}, "quota_month"),
    ("PUT", f"{PLANS}/small", PLAN | {"concurrent": 1_000_001}, "concurrent"),
    ("PUT", f"{PLANS}/small", PLAN | {"tasks": []}, "tasks"),
    ("PUT", f"{PLANS}/small", PLAN | {"tasks": ["mine"]}, "tasks[0]"),
    ("PUT", f"{PLANS}/small", PLAN | {"tasks": ["inspect", "inspect"]}, "tasks"),
    ("PUT", f"{PLANS}/small", PLAN | {"max_photos": 21}, "max_photos"),
    ("PUT", f"{PLANS}/small", PLAN | {"default_wait_s": 21, "max_wait_s": 20}, "max_wait_s"),
    ("PUT", f"{PLANS}/small", PLAN | {"max_wait_s": 26}, "max_wait_s"),
    *[("PUT", f"{PLANS}/small", {key: PLAN[key] for key in PLAN if key != name}, name) for name in PLAN],
]


@pytest.mark.parametrize(("method", "path", "body", "field"), BAD)
def test_bad_body(method: str, path: str, body: Any, field: str) -> None:
    check_problem(ask(method, path, body), field)


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        (CLIENTS, {"limit": "0"}, "limit"),
        (CLIENTS, {"limit": "101"}, "limit"),
        (CLIENTS, {"cursor": "x" * 41}, "cursor"),
        (KEYS, {"limit": "many"}, "limit"),
        (MEMBERS, {"cursor": ""}, "cursor"),
        (f"{CLIENT}/usage", {"from": "yesterday"}, "from"),
        (f"{CLIENT}/usage", {"to": "2026-02-30"}, "to"),
        ("/v1/admin/audit", {"cursor": "0"}, "cursor"),
        ("/v1/admin/audit", {"cursor": "x"}, "cursor"),
        ("/v1/admin/audit", {"cursor": str(2**64)}, "cursor"),
        ("/v1/admin/audit", {"action": "everything"}, "action"),
        ("/v1/admin/audit", {"actor": "x" * 41}, "actor"),
        ("/v1/admin/audit", {"client": ""}, "client"),
        (f"{CLIENTS}/{'x' * 41}", None, "client_id"),
    ],
)
def test_bad_parameter(path: str, query: dict[str, str] | None, field: str) -> None:
    check_problem(ask("GET", path, query=query), field)


@pytest.mark.parametrize("value", ["maybe", "", "2"])
@pytest.mark.parametrize(("method", "path", "body"), [("DELETE", KEY, None), ("POST", CLIENTS, NEW_CLIENT)])
def test_a_dry_run_is_yes_or_no(method: str, path: str, body: Any, value: str) -> None:
    """Above all: what was meant as a dry run is never made in earnest."""
    check_problem(ask(method, path, body, query={"dry_run": value}), "dry_run")


@pytest.mark.parametrize("name", ["dryrun", "dry-run", "Dry_Run", "force"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("DELETE", KEY, None), ("POST", CLIENTS, NEW_CLIENT), ("PUT", f"{PLANS}/small", PLAN), ("DELETE", MEMBER, None)],
)
def test_a_misspelt_dry_run_is_no_change_in_earnest(method: str, path: str, body: Any, name: str) -> None:
    check_problem(ask(method, path, body, query={name: "true"}), name)


def test_a_dry_run_is_said_once() -> None:
    event = rest_event("DELETE", KEY, query={"dry_run": "true"})
    event["multiValueQueryStringParameters"] = {"dry_run": ["false", "true"]}
    check_problem(ask_event(event), "dry_run")


ASSIGNABLE: dict[tuple[str, str], tuple[dict[str, Any], type[BaseModel], type[BaseModel]]] = {
    ("POST", CLIENTS): (NEW_CLIENT, contract.NewClient, contract.Client),
    ("PATCH", CLIENT): ({"name": "x"}, contract.ClientChange, contract.Client),
    ("POST", KEYS): (NEW_KEY, contract.NewKey, contract.IssuedKey),
    ("PATCH", KEY): ({"name": "x"}, contract.KeyChange, contract.Key),
    ("POST", f"{KEY}/rotate"): ({}, contract.Rotation, contract.IssuedKey),
    ("POST", MEMBERS): (NEW_MEMBER, contract.NewMember, contract.Member),
    ("PATCH", MEMBER): ({"name": "x"}, contract.MemberChange, contract.Member),
    ("PUT", f"{PLANS}/small"): (PLAN, contract.PlanInput, contract.Plan),
}
ALWAYS = ("client_id", "key_id", "key_hash", "sequence", "actor", "dry_run", "revoked_at", "created_at", "hint")


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        (method, path, body, field)
        for (method, path), (body, takes, shows) in ASSIGNABLE.items()
        for field in sorted({*shows.model_fields, *ALWAYS} - set(takes.model_fields))
    ],
)
def test_what_is_shown_can_not_be_sent_in(method: str, path: str, body: dict[str, Any], field: str) -> None:
    check_problem(ask(method, path, body | {field: "x"}), field)


def test_every_model_that_comes_in_forbids_what_it_does_not_know() -> None:
    models = [each for each in vars(contract).values() if isinstance(each, type) and issubclass(each, BaseModel)]
    assert len(models) > 20
    assert {model.model_config.get("extra") for model in models if model is not BaseModel} == {"forbid"}


def test_no_model_that_goes_out_has_a_hash() -> None:
    models = [each for each in vars(contract).values() if isinstance(each, type) and issubclass(each, BaseModel)]
    fields = {(model.__name__, name) for model in models for name in model.model_fields}
    assert not {field for field in fields if "hash" in field[1] or "secret" in field[1]}
    assert {field for field in fields if field[1] == "key"} == {("IssuedKey", "key")}
    assert get_args(contract.DryRun.model_fields["dry_run"].annotation) == (True,)


@pytest.mark.parametrize("body", ["{", "hello", '{"a":' * 100_000])
def test_no_json(body: str) -> None:
    check_problem(ask("POST", CLIENTS, body), None, code="not_json")


def test_another_type() -> None:
    answer = ask("POST", CLIENTS, "name=x", headers={"Content-Type": "application/x-www-form-urlencoded"})
    check_problem(answer, "Content-Type", code="unsupported_media_type", status=415)


@pytest.mark.parametrize("path", ["/v1/admin", "/v1/admin/nope", f"{KEY}/rotate/x", "/v1/me/x"])
def test_unknown_route(path: str) -> None:
    check_problem(ask("GET", path), None, code="unknown_route", status=404)
