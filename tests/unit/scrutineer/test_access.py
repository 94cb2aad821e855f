"""Clients and keys: what reaches the database is what the functions look for."""

import re
from typing import Any

from authorizer.authorize import hash_key
from core.identifiers import is_identifier
from scrutineer.access import create_client_with_key


class RecordingConnection:
    """Remembers statements; there is no server."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, tuple[Any, ...]]] = []
        self.committed = False

    def cursor(self) -> "RecordingConnection":
        return self

    def __enter__(self) -> "RecordingConnection":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str, values: tuple[Any, ...]) -> None:
        self.statements.append((statement, values))

    def commit(self) -> None:
        self.committed = True


def test_the_key_is_stored_only_as_the_hash_that_the_authorizer_looks_up() -> None:
    connection = RecordingConnection()
    new = create_client_with_key(connection, client_name="Hub 7")
    stored = [value for _, values in connection.statements for value in values]
    assert connection.committed
    assert hash_key(new.key) in stored
    assert not any(isinstance(value, str) and new.key in value for value in stored)


def test_keys_have_256_random_bits_and_a_prefix_for_scanners() -> None:
    keys = {create_client_with_key(RecordingConnection(), client_name="x").key for _ in range(50)}
    assert len(keys) == 50
    assert all(re.fullmatch(r"scr_[A-Za-z0-9_-]{43}", key) for key in keys)


def test_identifiers_are_those_of_the_functions() -> None:
    new = create_client_with_key(RecordingConnection(), client_name="x")
    assert is_identifier(new.client_id, "client")
    assert is_identifier(new.key_id, "key")
    assert create_client_with_key(RecordingConnection(), client_name="x", key_id="key_of_plan").key_id == "key_of_plan"
