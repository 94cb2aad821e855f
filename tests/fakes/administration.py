"""The admin function over a real database, asked by whomever a test says; API Gateway is away unless one is given."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import EndpointConnectionError

from admin import app
from admin.dead_letter_contract import StageName
from admin.dead_letters import StageQueues
from admin.services import Services
from core import front_door
from core.database import Database, Row
from core.principal import Principal, scopes_of
from core.roles import Action, Role
from tests.fakes.api_gateway import Answer, FakeContext, read_answer, rest_event

PLAN = {
    "rate_per_s": 5,
    "burst": 10,
    "quota_day": None,
    "quota_month": 1000,
    "concurrent": 7,
    "tasks": ["inspect"],
    "max_photos": 6,
    "default_wait_s": 10,
    "max_wait_s": 20,
}


class Away:
    """A boto3 client whose every call ends without an answer."""

    def __getattr__(self, name: str) -> Any:
        def call(*_: Any, **__: Any) -> None:
            raise EndpointConnectionError(endpoint_url="http://x")

        return call


class Administration:
    """`ask` as a role of a client, `insert` what nobody may ask for, `rows` of what is stored."""

    def __init__(
        self, database: Database, gateway: Any = None, stages: Mapping[StageName, StageQueues] | None = None
    ) -> None:
        self.database = database
        self._services = Services(database, "stack", lambda: gateway or Away(), lambda: stages or {})

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: Role = Role.ADMIN,
        client_id: str = "client-a",
        actor: str = "key_me",
        scopes: list[Action] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        principal = Principal(client_id, actor, role, scopes_of(role, scopes), "standard")
        event = rest_event(method, path, body=body, query=query, principal=principal)
        app.app.context["services"] = self._services
        return read_answer(front_door.answer(app.app, event, FakeContext(), self.database))

    def key(self, key_id: str, role: Role, client_id: str = "client-a", **columns: Any) -> str:
        """A key's row."""
        values = {"key_id": key_id, "client_id": client_id, "name": key_id, "role": role.value, **columns}
        self._insert("api_keys", values | {"key_hash": key_id.encode().ljust(32)[:32]})
        return key_id

    def member(self, member_id: str, role: Role, client_id: str = "client-a") -> str:
        """A member's row."""
        values = {"member_id": member_id, "client_id": client_id, "name": member_id, "role": role.value}
        self._insert("members", values | {"issuer": "https://id.example/", "subject": member_id})
        return member_id

    def rows(self, query: str) -> list[Row]:
        return self.database.all(query)

    def audit(self) -> list[Row]:
        """Lines of the audit log, oldest first, what was before and after read back."""
        lines = self.rows("SELECT * FROM audit_log ORDER BY sequence")
        for line in lines:
            for column in ("before_it", "after_it"):
                line[column] = json.loads(line[column]) if line[column] else None
        return lines

    def _insert(self, table: str, values: Mapping[str, Any]) -> None:
        self.database.execute(
            f"INSERT INTO {table} ({', '.join(values)}, created_at)"
            f" VALUES ({', '.join(['%s'] * len(values))}, UTC_TIMESTAMP(6))",
            tuple(values.values()),
        )
