"""The first key of a local stack, against a real database: what API Gateway holds follows what the tables say."""

import json
from pathlib import Path
from typing import Any

import pytest

from scrutineer.cli.stack import first_key
from scrutineer.database_address import Connection
from scrutineer.errors import UserError
from scrutineer.local.function_pool import InvokeResult


class Stack:
    """What first_key needs of one; notes which keys the database held when the function was invoked."""

    logs = Path("logs")

    def __init__(self, database: Connection, *, error: str | None = None, left: int = 0) -> None:
        self.database = database
        self.functions = {"ReconcileFunction": None}
        self.invoked: list[tuple[str, Any, list[tuple[Any, ...]]]] = []
        self._error, self._left = error, left

    def invoke(self, function: str, event: Any) -> InvokeResult:
        self.invoked.append((function, event, self.live()))
        return InvokeResult(json.dumps({"mended": 1, "left": self._left}).encode(), self._error, cold=True)

    def live(self) -> list[tuple[Any, ...]]:
        with self.database.open() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT client_id, hint, role FROM api_keys WHERE revoked_at IS NULL")
            return list(cursor.fetchall())


def test_the_records_follow_once_the_key_is_there(empty_database: Connection) -> None:
    stack = Stack(empty_database)
    key = first_key(stack)  # type: ignore[arg-type]
    ((function, event, held),) = stack.invoked
    assert (function, event) == ("ReconcileFunction", {})
    assert [row[1:] for row in held] == [(key[:8], "admin")]


def test_in_a_kept_folder_the_client_stays_and_the_last_key_ends(empty_database: Connection) -> None:
    stack = Stack(empty_database)
    first_key(stack)  # type: ignore[arg-type]
    ((client, _, _),) = stack.live()
    again = first_key(stack)  # type: ignore[arg-type]
    assert stack.live() == [(client, again[:8], "admin")]


@pytest.mark.parametrize("outcome", [{"error": "Unhandled"}, {"left": 1}])
def test_records_that_can_not_follow_are_told_and_no_key_is(
    empty_database: Connection, outcome: dict[str, Any]
) -> None:
    with pytest.raises(UserError, match="ReconcileFunction failed") as refused:
        first_key(Stack(empty_database, **outcome))  # type: ignore[arg-type]
    assert "scr_" not in str(refused.value)
