"""The administrator's side of the REST API: clients, keys, members, plans, usage, the audit log, the gateway's records.

Every changing method takes `dry_run`: the answer is then `{"dry_run": true, "before": …, "after": …}`, and nothing is
changed. All raise RequestFailed for a problem, UserError for a gateway that can't be reached.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from scrutineer.connection import GatewayClient, Json, segment

LONGEST_PAGE = 100


class AdminClient(GatewayClient):
    """One connection to one gateway with one key. `waiting` gives what goes on around every request.

    `gateway_pending`: something was changed that API Gateway's own records could not follow at once.
    """

    def __init__(self, url: str, key: str, *, waiting: Callable[[], AbstractContextManager[Any]] = nullcontext) -> None:
        super().__init__(url, key, waiting=waiting)
        self.gateway_pending = False

    def me(self) -> Json:
        return self._request("GET", "/v1/me")

    def service(self) -> Json:
        return self._request("GET", "/v1/service")

    def roles(self) -> Json:
        return self._request("GET", "/v1/admin/roles")

    def clients(self) -> Iterator[Json]:
        return self._pages("/v1/admin/clients", "clients")

    def client(self, client_id: str) -> Json:
        return self._request("GET", _client(client_id))

    def create_client(self, content: Mapping[str, Any], *, dry_run: bool = False) -> Json:
        return self._change("POST", "/v1/admin/clients", content, dry_run=dry_run)

    def update_client(self, client_id: str, changes: Mapping[str, Any], *, dry_run: bool = False) -> Json:
        return self._change("PATCH", _client(client_id), changes, dry_run=dry_run)

    def erase_photos(self, client_id: str, *, dry_run: bool = False) -> Json:
        return self._change("DELETE", f"{_client(client_id)}/photos", dry_run=dry_run)

    def usage(self, client_id: str, *, first_day: str | None = None, last_day: str | None = None) -> Json:
        """Days are UTC's, as YYYY-MM-DD, both included."""
        return self._request("GET", f"{_client(client_id)}/usage", params=_given({"from": first_day, "to": last_day}))

    def keys(self, client_id: str) -> Iterator[Json]:
        return self._pages(f"{_client(client_id)}/keys", "keys")

    def create_key(self, client_id: str, content: Mapping[str, Any], *, dry_run: bool = False) -> Json:
        """The answer holds the key itself, this once."""
        return self._change("POST", f"{_client(client_id)}/keys", content, dry_run=dry_run)

    def update_key(self, client_id: str, key_id: str, changes: Mapping[str, Any], *, dry_run: bool = False) -> Json:
        return self._change("PATCH", _key(client_id, key_id), changes, dry_run=dry_run)

    def revoke_key(self, client_id: str, key_id: str, *, dry_run: bool = False) -> Json:
        return self._change("DELETE", _key(client_id, key_id), dry_run=dry_run)

    def rotate_key(self, client_id: str, key_id: str, content: Mapping[str, Any], *, dry_run: bool = False) -> Json:
        """The answer holds the new key itself, this once."""
        return self._change("POST", f"{_key(client_id, key_id)}/rotate", content, dry_run=dry_run)

    def members(self, client_id: str) -> Iterator[Json]:
        return self._pages(f"{_client(client_id)}/members", "members")

    def add_member(self, client_id: str, content: Mapping[str, Any], *, dry_run: bool = False) -> Json:
        return self._change("POST", f"{_client(client_id)}/members", content, dry_run=dry_run)

    def update_member(
        self, client_id: str, member_id: str, changes: Mapping[str, Any], *, dry_run: bool = False
    ) -> Json:
        return self._change("PATCH", _member(client_id, member_id), changes, dry_run=dry_run)

    def remove_member(self, client_id: str, member_id: str, *, dry_run: bool = False) -> Json:
        return self._change("DELETE", _member(client_id, member_id), dry_run=dry_run)

    def plans(self) -> Json:
        return self._request("GET", "/v1/admin/plans")

    def plan(self, plan: str) -> Json:
        return self._request("GET", _plan(plan))

    def set_plan(self, plan: str, content: Mapping[str, Any], *, dry_run: bool = False) -> Json:
        """The whole plan: it is made, or put in the place of the one of that name."""
        return self._change("PUT", _plan(plan), content, dry_run=dry_run)

    def delete_plan(self, plan: str, *, dry_run: bool = False) -> Json:
        return self._change("DELETE", _plan(plan), dry_run=dry_run)

    def audit(
        self,
        *,
        client: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        page: int = LONGEST_PAGE,
    ) -> Iterator[Json]:
        """The newest line first; `page` of them are asked for at once."""
        filters = _given({"client": client, "actor": actor, "action": action})
        return self._pages("/v1/admin/audit", "lines", filters, page=page)

    def gateway(self) -> Json:
        return self._request("GET", "/v1/admin/gateway")

    def mend_gateway(self, *, dry_run: bool = False) -> Json:
        return self._change("POST", "/v1/admin/gateway/reconcile", dry_run=dry_run)

    def dead_letters(self, *, stage: str | None = None, limit: int = LONGEST_PAGE) -> Json:
        """At most `limit` of each stage, and about how many there are."""
        return self._request("GET", "/v1/admin/dead-letters", params=_given({"stage": stage, "limit": str(limit)}))

    def redrive(self, content: Mapping[str, Any], *, dry_run: bool = False) -> Json:
        """One of a stage's, or as many as fit into one call."""
        return self._change("POST", "/v1/admin/dead-letters/redrive", content, dry_run=dry_run)

    def _pages(
        self, path: str, name: str, filters: Mapping[str, str] | None = None, *, page: int = LONGEST_PAGE
    ) -> Iterator[Json]:
        """Everything in a list, its further pages asked for as they are needed."""
        params = {**(filters or {}), "limit": str(min(page, LONGEST_PAGE))}
        while True:
            found = self._request("GET", path, params=params)
            yield from found[name]
            if not found["next_cursor"]:
                return
            params["cursor"] = found["next_cursor"]

    def _change(self, method: str, path: str, content: Mapping[str, Any] | None = None, *, dry_run: bool) -> Json:
        params = {"dry_run": "true"} if dry_run else {}
        return self._request(method, path, params=params, json=None if content is None else dict(content))

    def _request(
        self,
        method: str,
        path: str,
        *,
        json: Json | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Json:
        answer = self._connection.request(method, path, json=json, params=params)
        self.gateway_pending |= answer.headers.get("gateway-records") == "pending"
        return answer.content


def _given(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


def _client(client_id: str) -> str:
    return f"/v1/admin/clients/{segment(client_id)}"


def _key(client_id: str, key_id: str) -> str:
    return f"{_client(client_id)}/keys/{segment(key_id)}"


def _member(client_id: str, member_id: str) -> str:
    return f"{_client(client_id)}/members/{segment(member_id)}"


def _plan(plan: str) -> str:
    return f"/v1/admin/plans/{segment(plan)}"
