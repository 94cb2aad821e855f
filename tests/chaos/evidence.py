"""All that the checker judges: the clients' history, and the tables as they are once everything has healed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.database import Database, Row
from core.settings import DatabaseSettings
from tests.chaos.history import Entry, read


@dataclass(frozen=True)
class Evidence:
    """`limits` is each client's quota of a day, None where it has none; `posted` and `judged_on` are photos: of each
    inspection as the client sent them, and of each call of the endpoint (inspection id, photos)."""

    history: Sequence[Entry] = ()
    requests: Sequence[Row] = ()
    results: Sequence[Row] = ()
    failures: Sequence[Row] = ()
    events: Sequence[Row] = ()
    deliveries: Sequence[Row] = ()
    endpoints: Sequence[Row] = ()
    usage: Sequence[Row] = ()
    usage_days: Sequence[Row] = ()
    limits: Mapping[str, int | None] = field(default_factory=dict)
    judged_on: Sequence[tuple[str, int]] = ()


def collect(history: Path, settings: DatabaseSettings, judged_on: Sequence[tuple[str, int]]) -> Evidence:
    """Reads the tables as any other client of the database would."""
    database = Database(settings)
    try:
        return Evidence(
            history=read(history),
            requests=database.all(
                "SELECT inspection_id, client_id, idempotency_key, state, JSON_LENGTH(photos) AS photos,"
                " DATE(accepted_at) AS day,"
                " inferred_at IS NULL AND (prechecked_at IS NULL OR attempts = 0) AS before_the_model"
                " FROM rvpxbverification_request_data"
            ),
            results=database.all("SELECT inspection_id, outcome FROM rvpxbverification"),
            failures=database.all("SELECT inspection_id, outcome FROM rvpxbverification_fail"),
            events=database.all("SELECT inspection_id, state FROM inspection_events ORDER BY sequence"),
            deliveries=database.all(
                "SELECT inspection_id, endpoint_id, event, state FROM webhook_deliveries WHERE replay_of = ''"
            ),
            endpoints=database.all("SELECT endpoint_id, client_id FROM webhook_endpoints"),
            usage=database.all("SELECT client_id, day, day_count, running FROM client_usage"),
            usage_days=database.all(
                "SELECT client_id, day, accepted, refunded FROM client_usage_days WHERE task = 'inspect'"
            ),
            limits={
                row["client_id"]: row["quota_day"]
                for row in database.all(
                    "SELECT c.client_id, p.quota_day FROM clients c JOIN plans p ON p.plan = c.plan"
                )
            },
            judged_on=judged_on,
        )
    finally:
        database.close()
