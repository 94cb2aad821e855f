"""The client's side of the REST API: have photos inspected, embedded or described.

All raise RequestFailed for a problem, UserError for a photo that can't be read or a gateway that can't be reached.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scrutineer.connection import GatewayClient, Json, segment
from scrutineer.errors import UserError
from scrutineer.photo_input import hand_in, inline

SERVER_WAIT_S = 20
RECONNECT_S = 1.0


class Client(GatewayClient):
    """One connection to one gateway with one key."""

    def inspect(
        self,
        photos: Sequence[Path | str],
        *,
        item: Mapping[str, Any],
        checklist: str,
        reference: str | None = None,
        idempotency_key: str | None = None,
        expires_in_s: int | None = None,
        wait_s: int = 60,
        waiting: Callable[[str], None] = lambda state: None,
    ) -> Json:
        """The inspection, final unless `wait_s` seconds ran out or it is held; `waiting` hears its state each time.

        A photo is a file, or the address of one as text. Files that are together too large for a request are uploaded
        first.
        """
        body: Json = {
            "checklist": checklist,
            "item": dict(item),
            "photos": hand_in(photos, self._connection),
        }
        if reference is not None:
            body["reference"] = reference
        if expires_in_s is not None:
            body["expires_in_s"] = expires_in_s
        headers = {"Prefer": f"wait={min(wait_s, SERVER_WAIT_S)}" if wait_s else "respond-async"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = _header(idempotency_key)
        end = time.monotonic() + wait_s
        inspection = self._connection.request("POST", "/v1/inspections", json=body, headers=headers).content
        while not inspection["final"] and not inspection["held_until"] and time.monotonic() < end:
            waiting(inspection["state"])
            time.sleep(0.5)
            inspection = self.get(inspection["id"])
        return inspection

    def get(self, inspection_id: str) -> Json:
        """One inspection as it stands."""
        return self._connection.request("GET", _inspection(inspection_id)).content

    def cancel(self, inspection_id: str) -> Json:
        """The inspection, cancelled. One that ended in another way is a RequestFailed."""
        return self._connection.request("POST", f"{_inspection(inspection_id)}/cancel").content

    def events(self, inspection_id: str) -> Json:
        """The states that it reached, the first one first."""
        return self._connection.request("GET", f"{_inspection(inspection_id)}/events").content

    def follow(self, inspection_id: str, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[Json]:
        """Each state as it is reached, from the first to the final one."""
        last_id = "0"
        while stream := self._connection.event_stream(f"{_inspection(inspection_id)}/events", last_id=last_id):
            yield from stream.events
            if stream.events and stream.events[-1]["final"]:
                return
            last_id = stream.last_id or last_id
            sleep(RECONNECT_S if stream.retry_s is None else stream.retry_s)

    def embed(self, inputs: Sequence[str | Path]) -> Json:
        """Texts, and photos by their path, as vectors of length 1 in one space, in that order."""
        sent = [{"text": given} if isinstance(given, str) else {"photo": inline(given)} for given in inputs]
        return self._connection.request("POST", "/v1/embeddings/batch", json={"inputs": sent}).content

    def describe(self, photos: Sequence[Path], *, question: str | None = None, report: bool = False) -> Json:
        """What the photos show: a caption, the answer to a question, or a report; not both of these."""
        body: Json = {"photos": [inline(photo) for photo in photos], "kind": "report" if report else "caption"}
        if question is not None:
            body |= {"kind": "question", "question": question}
        return self._connection.request("POST", "/v1/descriptions", json=body).content


def _inspection(inspection_id: str) -> str:
    return f"/v1/inspections/{segment(inspection_id)}"


def _header(idempotency_key: str) -> str:
    if not re.fullmatch(r"[!-~]+", idempotency_key):
        raise UserError("The idempotency key must be of ASCII letters, digits and signs, without blanks.")
    return idempotency_key
