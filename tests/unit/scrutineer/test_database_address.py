"""The address of a database: read whole, refused without repeating its password."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrutineer.database_address import Connection, connect, parse
from scrutineer.errors import UserError


def test_every_part_is_read() -> None:
    assert parse("mysql://ann:p%40ss@db.example:3307/returns") == Connection(
        "db.example", 3307, "ann", "p@ss", "returns"
    )
    assert parse("mysql://ann:x@db.example/returns").port == 3306


def test_iam_signs_a_token_and_demands_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ACCESS_KEY_ID", "AKIAEXAMPLE"), ("SECRET_ACCESS_KEY", "x"), ("DEFAULT_REGION", "eu-west-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    found = parse("mysql://ann@proxy.example/returns?auth=iam")
    assert found.tls
    assert found.password.startswith("proxy.example:3306/?Action=connect&DBUser=ann")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "db.example",
        "postgres://a:secret@h/n",
        "mysql://h/n",
        "mysql://a:secret@h",
        "mysql://a:secret@h:port/n",
        "mysql://a:secret@h/n?auth=none",
    ],
)
def test_a_bad_address_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(UserError) as refused:
        parse(address)
    assert "secret" not in str(refused.value)


@given(password=st.text(min_size=1, max_size=20))
def test_the_url_leads_back_to_the_connection(password: str) -> None:
    connection = Connection("127.0.0.1", 3306, "ann", password, "returns")
    assert parse(connection.url) == connection


def test_a_server_that_is_not_there_is_the_users_to_mend() -> None:
    with pytest.raises(UserError, match="can't be reached"), connect("mysql://ann:secret@127.0.0.1:9/returns"):
        pass
