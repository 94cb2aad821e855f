"""The client's side of the REST API: send photos, wait for the verdict."""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from scrutineer.errors import RequestFailed, UserError

SERVER_WAIT_S = 20
MARGIN_S = 15  # the gateway answers at 29 s at the latest


class Client:
    """One connection to one gateway with one key."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=url.rstrip("/"), headers={"x-api-key": key}, timeout=SERVER_WAIT_S + MARGIN_S, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def inspect(
        self,
        photos: Sequence[Path],
        *,
        item: Mapping[str, Any],
        checklist: str,
        reference: str | None = None,
        idempotency_key: str | None = None,
        wait_s: int = 60,
        waiting: Callable[[str], None] = lambda state: None,
    ) -> dict[str, Any]:
        """The inspection, final unless `wait_s` seconds ran out first; `waiting` hears its state at every look.

        Raises RequestFailed for a problem, UserError for a photo that can't be read or a gateway that can't be reached.
        """
        body: dict[str, Any] = {
            "checklist": checklist,
            "item": dict(item),
            "photos": [{"name": photo.name[:100], "data": _base64(photo)} for photo in photos],
        }
        if reference is not None:
            body["reference"] = reference
        headers = {"Prefer": f"wait={min(wait_s, SERVER_WAIT_S)}" if wait_s else "respond-async"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        end = time.monotonic() + wait_s
        inspection = self._request("POST", "/v1/inspections", json=body, headers=headers)
        while not inspection["final"] and time.monotonic() < end:
            waiting(inspection["state"])
            time.sleep(0.5)
            inspection = self.get(inspection["id"])
        return inspection

    def get(self, inspection_id: str) -> dict[str, Any]:
        """One inspection as it stands. Raises RequestFailed."""
        return self._request("GET", f"/v1/inspections/{inspection_id}")

    def _request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise UserError(f"The gateway at {self._http.base_url} can't be reached: {error}") from error
        try:
            content: dict[str, Any] = answer.json()
        except ValueError:
            content = {"code": "not_json", "detail": "the answer is not JSON; is this the address of a Scrutineer?"}
        if not answer.is_success:
            raise RequestFailed(answer.status_code, content)
        return content


def _base64(photo: Path) -> str:
    try:
        return base64.b64encode(photo.read_bytes()).decode()
    except OSError as error:
        raise UserError(f"{photo}: {error.strerror}") from error
