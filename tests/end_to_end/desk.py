"""What an administrator does over HTTP, for tests that need clients, keys and plans of their own."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from scrutineer.local.settings import ROOT

GENEROUS: dict[str, Any] = {
    "rate_per_s": 1000,
    "burst": 1000,
    "quota_day": None,
    "quota_month": None,
    "concurrent": None,
    "tasks": ["inspect", "embed", "describe"],
    "max_photos": 20,
    "default_wait_s": 0,
    "max_wait_s": 25,
}
CLIENTS = "/v1/admin/clients"


def sample_body() -> dict[str, Any]:
    """A valid request with three small photos, anew each time."""
    event = json.loads((ROOT / "events" / "inspections-create.json").read_text())
    body: dict[str, Any] = json.loads(event["body"])
    return body


@dataclass(frozen=True)
class Issued:
    key_id: str
    secret: str = field(repr=False)


class Desk:
    """`http` is an admin's, `anybody` has no credential; webhooks may go to `hook_url`.

    A change that is refused fails the test, with the answer.
    """

    def __init__(self, http: httpx.Client, anybody: httpx.Client, hook_url: str) -> None:
        self.http = http
        self.hook_url = hook_url
        self._anybody = anybody

    def plan(self, name: str, **limits: Any) -> str:
        """Make or replace a plan without limits but these."""
        self._done("PUT", f"/v1/admin/plans/{name}", {**GENEROUS, **limits})
        return name

    def client(self, name: str, plan: str = "standard") -> str:
        client_id: str = self._done("POST", CLIENTS, {"name": name, "plan": plan})["client_id"]
        return client_id

    def change_client(self, client_id: str, **change: Any) -> None:
        self._done("PATCH", f"{CLIENTS}/{client_id}", change)

    def key(self, client_id: str, role: str = "operator", **more: Any) -> Issued:
        made = self._done("POST", f"{CLIENTS}/{client_id}/keys", {"name": f"{role}'s", "role": role, **more})
        return Issued(made["key_id"], made["key"])

    def keys(self, client_id: str) -> dict[str, dict[str, Any]]:
        """What is shown of a client's keys, by id."""
        shown = self._done("GET", f"{CLIENTS}/{client_id}/keys?limit=100")["keys"]
        return {key["key_id"]: key for key in shown}

    def rotate(self, client_id: str, key_id: str, overlap_s: int) -> Issued:
        new = self._done("POST", f"{CLIENTS}/{client_id}/keys/{key_id}/rotate", {"overlap_s": overlap_s})["new"]
        return Issued(new["key_id"], new["key"])

    def revoke(self, client_id: str, key_id: str) -> None:
        self._done("DELETE", f"{CLIENTS}/{client_id}/keys/{key_id}")

    def member(self, client_id: str, issuer: str, subject: str, role: str = "operator") -> str:
        who = {"name": "somebody", "issuer": issuer, "subject": subject, "role": role}
        member_id: str = self._done("POST", f"{CLIENTS}/{client_id}/members", who)["member_id"]
        return member_id

    def endpoint(self, client_id: str, path: str = "", events: tuple[str, ...] = ("*",)) -> dict[str, Any]:
        """A webhook endpoint of the client, with its secret."""
        key = self.key(client_id, "client-admin").secret
        body = {"url": f"{self.hook_url}{path}", "events": list(events)}
        answer = self.send("POST", "/v1/webhooks", body, x_api_key=key)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """As somebody else: with these headers and without the admin's key."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._anybody.request(method, path, json=body, headers=names)

    def _done(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()
