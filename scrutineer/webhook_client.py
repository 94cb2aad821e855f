"""The client's side of `/v1/webhooks`: endpoints, their secrets, the log of deliveries, replays.

All raise RequestFailed for a problem, UserError for a gateway that can't be reached.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from scrutineer.connection import GatewayClient, Json
from scrutineer.errors import UserError

WEBHOOKS = "/v1/webhooks"
LONGEST_PAGE = 100


class WebhookClient(GatewayClient):
    """One connection to one gateway with one key. `waiting` gives what goes on around every request."""

    def endpoints(self) -> list[Json]:
        found: list[Json] = self._request("GET", WEBHOOKS)["endpoints"]
        return found

    def add(self, content: Mapping[str, Any]) -> Json:
        """The answer holds the secret, this once."""
        return self._request("POST", WEBHOOKS, content)

    def update(self, endpoint_id: str, changes: Mapping[str, Any]) -> Json:
        return self._request("PATCH", _endpoint(endpoint_id), changes)

    def remove(self, endpoint_id: str) -> Json:
        return self._request("DELETE", _endpoint(endpoint_id))

    def rotate(self, endpoint_id: str, content: Mapping[str, Any]) -> Json:
        """The answer holds the new secret, this once."""
        return self._request("POST", f"{_endpoint(endpoint_id)}/rotate", content)

    def test(self, endpoint_id: str) -> Json:
        return self._request("POST", f"{_endpoint(endpoint_id)}/test")

    def deliveries(self, endpoint_id: str, *, state: str | None = None, page: int = LONGEST_PAGE) -> Iterator[Json]:
        """The newest first; `page` of them are asked for at once."""
        params = {"limit": str(min(page, LONGEST_PAGE))} | ({"state": state} if state else {})
        while True:
            found = self._request("GET", f"{_endpoint(endpoint_id)}/deliveries", params=params)
            yield from found["deliveries"]
            if not found["next_cursor"]:
                return
            params["cursor"] = found["next_cursor"]

    def replay(self, endpoint_id: str, content: Mapping[str, Any]) -> Json:
        return self._request("POST", f"{_endpoint(endpoint_id)}/replay", content)

    def _request(
        self,
        method: str,
        path: str,
        content: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Json:
        body = None if content is None else dict(content)
        return self._connection.request(method, path, json=body, params=params).content


def _endpoint(endpoint_id: str) -> str:
    """As one part of a path, whatever is in it."""
    if endpoint_id in ("", ".", ".."):
        raise UserError(f"{endpoint_id!r} names nothing.")
    return f"{WEBHOOKS}/{quote(endpoint_id, safe='')}"
