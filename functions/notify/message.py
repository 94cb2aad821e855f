"""What is sent, by the Standard Webhooks specification: https://www.standardwebhooks.com.

`webhook-id` names the message, the same at every attempt and replay, so that a receiver can drop what it has;
`webhook-signature` has one signature for each secret that is valid.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from core.database import Row
from core.presentation import present


@dataclass(frozen=True)
class Message:
    """`moment` is when it is sent, by the database's clock in UTC."""

    message_id: str
    url: str
    body: str
    moment: datetime
    secrets: Sequence[str]

    def headers(self) -> dict[str, str]:
        signatures = [Webhook(secret).sign(self.message_id, self.moment, self.body) for secret in self.secrets]
        return {
            "content-type": "application/json",
            "user-agent": "Scrutineer-Webhooks",
            "webhook-id": self.message_id,
            "webhook-timestamp": str(int(self.moment.replace(tzinfo=UTC).timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def body_of(event: str, happened_at: datetime, data: dict[str, Any]) -> str:
    """`happened_at` stays the same at every attempt."""
    moment = happened_at.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": event, "timestamp": moment, "data": data}, separators=(",", ":"))


def inspection_data(row: Row) -> dict[str, Any]:
    """As `GET` shows it, without the photos' names: they are free text of a phone or a person, and the message leaves
    for wherever the endpoint is. `index` and `sha256` tell the photos apart."""
    shown: dict[str, Any] = present(row).model_dump(mode="json")
    return {**shown, "photos": [{**photo, "name": None} for photo in shown["photos"]]}


def batch_data(row: Row) -> dict[str, Any]:
    """Which batch; its counts and results are at `GET /v1/batches/{id}`."""
    moments = {
        name: row[name].replace(tzinfo=UTC).isoformat().replace("+00:00", "Z") if row[name] else None
        for name in ("created_at", "finished_at")
    }
    return {"id": row["batch_id"], "name": row["name"], "state": row["state"], "lines": row["line_count"], **moments}
