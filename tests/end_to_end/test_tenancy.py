"""Two clients side by side: through no route of the API does one see, change or find out what the other has.

Walked by the OpenAPI document that is served, so that a new route is covered by being there.
"""

import itertools
import json
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from core.roles import MAY, Role, action_of
from scrutineer.local.machines import Machine
from scrutineer.local.stack import LocalStack
from tests.end_to_end.api_document import ApiDocument, Operation, Path
from tests.end_to_end.desk import CLIENTS, Desk, sample_body
from tests.end_to_end.signing import credentials_of, sign

Stored = Callable[..., list[tuple[Any, ...]]]
Send = Callable[..., httpx.Response]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# How a client comes to have what a path's parameter names; a route with another parameter fails until it is here.
MADE: Mapping[str, Callable[[Desk, str, str], str]] = {
    "client_id": lambda desk, client_id, key: client_id,
    "key_id": lambda desk, client_id, key: desk.key(client_id, "viewer").key_id,
    "member_id": lambda desk, client_id, key: desk.member(client_id, "https://id.example/", client_id, "viewer"),
    "inspection_id": lambda desk, client_id, key: inspected(desk, key),
    "batch_id": lambda desk, client_id, key: batch(desk, key),
    "endpoint_id": lambda desk, client_id, key: desk.endpoint(client_id, events=("inspection.expired",))["endpoint_id"],
    # Nobody's own: a plan is the installation's, and only its admins reach it.
    "plan": lambda desk, client_id, key: desk.plan(client_id.replace("_", "-")[:20]),
}
# What the owner may do to a thing of their own that is as MADE leaves it, and what stands against the rest.
REFUSED_TO_THE_OWNER = {
    ("POST", "/v1/inspections/{inspection_id}/cancel"): "already_final",
    ("POST", "/v1/batches/{batch_id}/cancel"): "already_final",
}
OWNED = [
    "clients",
    "api_keys",
    "members",
    "client_usage",
    "client_usage_days",
    "rvpxbverification_request_data",
    "rvpxbverification",
    "rvpxbverification_fail",
    "inspection_events",
    "batches",
    "webhook_endpoints",
    "webhook_deliveries",
    "audit_log",
]


@dataclass(frozen=True)
class Tenant:
    """A client with one thing of every kind; `ids` by the parameter that names it."""

    client_id: str
    operator: str
    client_admin: str
    ids: Mapping[str, str]


def inspected(desk: Desk, key: str) -> str:
    answer = desk.send("POST", "/v1/inspections", sample_body(), x_api_key=key, prefer="wait=25")
    assert answer.status_code == 200, answer.text
    inspection_id: str = answer.json()["id"]
    return inspection_id


def batch(desk: Desk, key: str) -> str:
    """Of one line that is no inspection, at its end."""
    answer = desk.send("POST", "/v1/batches", {"manifest": "{}"}, x_api_key=key)
    assert answer.status_code == 202, answer.text
    batch_id: str = answer.json()["id"]
    end = time.monotonic() + 60
    while desk.send("GET", f"/v1/batches/{batch_id}", x_api_key=key).json()["state"] != "finished":
        assert time.monotonic() < end
        time.sleep(0.2)
    return batch_id


def made(desk: Desk, name: str) -> Tenant:
    client_id = desk.client(name)
    operator, client_admin = desk.key(client_id).secret, desk.key(client_id, "client-admin").secret
    ids = {parameter: make(desk, client_id, operator) for parameter, make in MADE.items()}
    return Tenant(client_id, operator, client_admin, ids)


@pytest.fixture(scope="module")
def theirs(desk: Desk) -> Tenant:
    return made(desk, "Theirs")


@pytest.fixture(scope="module")
def ours(desk: Desk) -> Tenant:
    return made(desk, "Ours")


@pytest.fixture(scope="module")
def document(anybody: httpx.Client, desk: Desk) -> ApiDocument:
    return ApiDocument(anybody.get("/v1/openapi.json").json(), {"url": desk.hook_url})


@pytest.fixture(scope="module")
def machine(stack: LocalStack, desk: Desk, ours: Tenant) -> Machine:
    """A client-admin of ours that signs its requests."""
    anything = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{stack.api_arn}/*"}
    machine = stack.create_machine("tenancy", {"Version": "2012-10-17", "Statement": [anything]})
    desk.member(ours.client_id, "iam", machine.arn, "client-admin")
    return machine


@pytest.fixture
def senders(stack: LocalStack, desk: Desk, anybody: httpx.Client, ours: Tenant, machine: Machine) -> dict[str, Send]:
    """Ours, in each of the ways that somebody of a client may come in."""

    def signed(method: str, path: str, body: Any = None) -> httpx.Response:
        return anybody.send(sign(f"{stack.url}/iam{path}", credentials_of(machine), method, body))

    return {"operator": by(desk, ours.operator), "client-admin": by(desk, ours.client_admin), "machine": signed}


def by(desk: Desk, key: str) -> Send:
    return lambda method, path, body=None: desk.send(method, path, body, x_api_key=key)


def by_admin(desk: Desk) -> Send:
    return lambda method, path, body=None: desk.http.request(method, path, json=body)


def example(document: ApiDocument, operation: Operation) -> Any:
    """A right body for the operation; photos are real ones."""
    photos = sample_body()["photos"]
    given = {"photos": photos, "photo": photos[0]}
    return None if operation.request is None else document.example(operation.request, given)


def shown(answer: httpx.Response) -> tuple[int, str, str]:
    """All that an answer tells, but which request it was and what is left of the plan."""
    text = re.sub(r'"request_id": ?"[^"]*"', "", answer.text)
    return answer.status_code, answer.headers["content-type"], text


def unknown(identifier: str) -> str:
    """Of the same form, and nobody's."""
    prefix, mark, random = identifier.partition("_" if "_" in identifier else "-")
    return prefix + mark + "b" * len(random)


def foreign_and_unknown(operation: Operation, ours: Tenant, theirs: Tenant) -> Iterator[tuple[str, str]]:
    """Paths with something of theirs in them, each beside the same path with nobody's in its place."""
    for whose in itertools.product((True, False), repeat=len(operation.parameters)):
        if any(whose):
            pairs = list(zip(operation.parameters, whose, strict=True))
            foreign = {name: theirs.ids[name] if is_theirs else ours.ids[name] for name, is_theirs in pairs}
            absent = {name: unknown(theirs.ids[name]) if is_theirs else ours.ids[name] for name, is_theirs in pairs}
            yield operation.path.format(**foreign), operation.path.format(**absent)


def possessions(stored: Stored, stack: LocalStack, tenant: Tenant) -> dict[str, Any]:
    """All rows and objects that are a client's."""
    found: dict[str, Any] = {
        table: stored(f"SELECT * FROM {table} WHERE client_id = %s ORDER BY 1", (tenant.client_id,)) for table in OWNED
    }
    found["plans"] = stored("SELECT * FROM plans ORDER BY plan")
    (bucket,) = stack.template.buckets.values()
    prefix = f"photos/{tenant.ids['inspection_id']}/"
    listed = stack.client("s3").list_objects_v2(Bucket=bucket.name, Prefix=prefix)
    found["photos"] = [each["Key"] for each in listed["Contents"]]
    return found


def test_every_parameter_of_a_path_is_covered(document: ApiDocument) -> None:
    named = {parameter for operation in document.operations for parameter in operation.parameters}
    assert named == set(MADE)


def test_what_is_theirs_is_as_unknown_as_nothing(
    document: ApiDocument,
    stack: LocalStack,
    ours: Tenant,
    theirs: Tenant,
    senders: Mapping[str, Send],
    stored: Stored,
) -> None:
    before = possessions(stored, stack, theirs)
    paths = {operation.path: operation for operation in document.operations if operation.parameters}
    bodies = {(each.method, each.path): example(document, each) for each in document.operations}
    statuses: dict[str, Counter[int]] = {name: Counter() for name in senders}
    for method, operation in itertools.product(METHODS, paths.values()):
        body, action = bodies.get((method, operation.path)), action_of(method, operation.path)
        for foreign, absent in foreign_and_unknown(operation, ours, theirs):
            for name, ask in senders.items():
                role = Role.OPERATOR if name == "operator" else Role.CLIENT_ADMIN
                at_the_door = action not in {*MAY[role], None}
                got, expected = ask(method, foreign, body), ask(method, absent, body)
                assert shown(got) == shown(expected), f"{name}: {method} {operation.path} tells {foreign} from {absent}"
                assert got.status_code == (403 if at_the_door else 404), (
                    f"{name}: {method} {foreign}: {got.status_code} {got.text}"
                )
                statuses[name][got.status_code] += 1
    assert possessions(stored, stack, theirs) == before
    assert all(count[404] > 10 for count in statuses.values()), statuses


def test_the_same_requests_do_what_they_say_for_the_owner(document: ApiDocument, desk: Desk, theirs: Tenant) -> None:
    """Or else the walk would prove nothing."""
    ask = by(desk, theirs.client_admin)
    erasing_last = sorted(document.operations, key=lambda operation: operation.method == "DELETE")
    for operation in erasing_last:
        if operation.parameters:
            path = operation.path.format(**theirs.ids) + ("?dry_run=true" if "dry_run" in operation.query else "")
            answer = ask(operation.method, path, example(document, operation))
            may = action_of(operation.method, operation.path) in MAY[Role.CLIENT_ADMIN]
            refused = REFUSED_TO_THE_OWNER.get((operation.method, operation.path))
            if may and refused:
                assert answer.json()["code"] == refused, f"{operation}: {answer.text}"
            else:
                assert answer.is_success if may else answer.status_code == 403, f"{operation}: {answer.text}"


def test_lists_and_reports_hold_nothing_of_theirs(
    document: ApiDocument, desk: Desk, ours: Tenant, theirs: Tenant, senders: Mapping[str, Send]
) -> None:
    """Neither with a cursor that another client's list ended with, nor by asking for them."""
    traces = [*theirs.ids.values(), "Theirs"]
    asked = 0
    for operation in document.operations:
        if operation.method != "GET" or operation.path in ("/v1/openapi.json", "/v1/docs"):
            continue
        if not set(operation.parameters) <= {"client_id"}:
            continue
        path = operation.path.format(**ours.ids)
        queries = ["", *(f"{name}={theirs.client_id}" for name in ("client", "actor") if name in operation.query)]
        if "cursor" in operation.query:
            list_of_theirs = f"{operation.path.format(**theirs.ids)}?limit=1"
            cursor = by(desk, theirs.client_admin)("GET", list_of_theirs).json().get("next_cursor")
            queries += [f"cursor={cursor or theirs.ids['key_id']}", f"cursor={ours.ids['client_id'][:7]}"]
        for query, (name, ask) in itertools.product(queries, senders.items()):
            answer = ask("GET", f"{path}?{query}")
            assert not [trace for trace in traces if trace in answer.text], f"{name}: {path}?{query}"
            asked += answer.is_success
    assert asked > 20


def test_lists_hold_ones_own(desk: Desk, theirs: Tenant, ours: Tenant) -> None:
    for tenant in (theirs, ours):
        ask = by(desk, tenant.client_admin)
        for path, parameter in (
            ("/v1/inspections", "inspection_id"),
            (CLIENTS, "client_id"),
            (f"{CLIENTS}/{tenant.client_id}/keys", "key_id"),
            (f"{CLIENTS}/{tenant.client_id}/members", "member_id"),
        ):
            assert tenant.ids[parameter] in ask("GET", path).text, path


def test_an_idempotency_key_is_ones_own(desk: Desk, theirs: Tenant, ours: Tenant) -> None:
    body = sample_body()
    first, second, again = (
        desk.send("POST", "/v1/inspections", body, x_api_key=key, idempotency_key="shared", prefer="wait=25")
        for key in (theirs.operator, ours.operator, ours.operator)
    )
    assert first.json()["id"] != second.json()["id"] == again.json()["id"]


@pytest.mark.parametrize("kind", ["inspection_id", "client_id", "key_id"])
def test_time_does_not_tell_theirs_from_nothing(desk: Desk, ours: Tenant, theirs: Tenant, kind: str) -> None:
    """The same class, by medians and with room for a busy machine; the code takes the same path for both."""
    path = {
        "inspection_id": "/v1/inspections/{0}",
        "client_id": f"{CLIENTS}/{{0}}",
        "key_id": f"{CLIENTS}/{ours.client_id}/keys/{{0}}?dry_run=true",
    }[kind]
    method = "DELETE" if kind == "key_id" else "GET"
    took: dict[bool, list[float]] = {True: [], False: []}
    ask = by(desk, ours.client_admin)
    for _ in range(15):
        for exists, identifier in ((True, theirs.ids[kind]), (False, unknown(theirs.ids[kind]))):
            start = time.perf_counter()
            answer = ask(method, path.format(identifier))
            took[exists].append(time.perf_counter() - start)
            assert answer.status_code == 404
    theirs_s, nothing_s = statistics.median(took[True]), statistics.median(took[False])
    assert max(theirs_s, nothing_s) < 3 * min(theirs_s, nothing_s) + 0.02, took


# ---------------------------------------------------------------------------------------------------- mass assignment


def test_no_field_of_an_answer_can_be_assigned(
    document: ApiDocument, stack: LocalStack, desk: Desk, ours: Tenant, stored: Stored
) -> None:
    """By an admin, who could do the most with it: each field alone, in a body that is right without it."""
    before = possessions(stored, stack, ours)
    refused = 0
    for operation in document.operations:
        if operation.request is None:
            continue
        path, right = operation.path.format(**ours.ids), example(document, operation)
        for at in document.closed_objects(operation.request, right):
            for name, value in foreign_fields(document, operation, at).items():
                answer = desk.http.request(operation.method, path, json=with_field(right, at, name, value))
                assert answer.status_code == 400, f"{operation} took {name}: {answer.text}"
                problem = answer.json()
                assert (problem["code"], problem["field"]) == ("invalid_request", written((*at, name))), operation
                refused += 1
    assert refused > 80
    assert possessions(stored, stack, ours) == before


def test_without_the_field_the_body_is_right(document: ApiDocument, desk: Desk, ours: Tenant) -> None:
    as_client_admin = by(desk, ours.client_admin)
    for operation in document.operations:
        if operation.request is not None:
            path = operation.path.format(**ours.ids) + ("?dry_run=true" if "dry_run" in operation.query else "")
            may = action_of(operation.method, operation.path) in MAY[Role.CLIENT_ADMIN]
            ask = as_client_admin if may else by_admin(desk)
            answer = ask(operation.method, path, example(document, operation))
            assert answer.is_success, f"{operation}: {answer.text}"


def foreign_fields(document: ApiDocument, operation: Operation, at: Path) -> dict[str, Any]:
    """What an answer has at this place and a request has not, with a value of the right kind; and whose it is."""
    assert operation.request is not None
    own = document.fields(operation.request, at)
    answers = [document.fields(answer, at) for answer in operation.answers]
    fields = {name: schema for found in answers for name, schema in found.items() if name not in own}
    values = {name: document.example(schema, {}) for name, schema in fields.items()}
    return {"client_id": "client_x", **values}


def with_field(body: Any, at: Path, name: str, value: Any) -> Any:
    changed = json.loads(json.dumps(body))
    place = changed
    for step in at:
        place = place[step]
    place[name] = value
    return changed


def written(at: Path) -> str:
    """A place as problems name it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in at).lstrip(".")
