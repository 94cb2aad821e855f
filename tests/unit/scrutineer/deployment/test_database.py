"""The database as an operator's machine can know it."""

from pathlib import Path
from typing import Any

from scrutineer.database_address import Connection
from scrutineer.deployment.checks import database
from scrutineer.deployment.findings import Verdict
from scrutineer.errors import RequestFailed
from tests.unit.scrutineer.deployment.projects import only, project, stack, subject, told

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}
PROXY = ("Proxy", "AWS::RDS::DBProxy", "scrutineer-1")


class FakeGateway:
    def __init__(self, service: dict[str, Any] | None = None, differences: list[dict[str, str]] | None = None) -> None:
        self._service = service
        self._differences = differences or []

    def service(self) -> dict[str, Any]:
        if self._service is None:
            raise RequestFailed(503, {"code": "unavailable", "detail": "The database is away."})
        return self._service

    def gateway(self) -> dict[str, Any]:
        return {"differences": self._differences}


def asked(folder: Path, gateway: FakeGateway) -> Any:
    return subject(project(folder, TOPIC), gateway=gateway)


def test_a_function_has_signed_in_or_could_not(tmp_path: Path) -> None:
    service = {"open": False, "opens_at": "2026-11-22T06:00:00Z", "held": 3}
    well = only(database.reachable(asked(tmp_path, FakeGateway(service))))
    assert well.verdict is Verdict.OK
    assert "3 inspections held" in well.line
    away = only(database.reachable(asked(tmp_path, FakeGateway(None))))
    assert (away.verdict, "503" in away.line) == (Verdict.FAIL, True)


def test_the_gateways_records(tmp_path: Path) -> None:
    assert only(database.records(asked(tmp_path, FakeGateway()))).verdict is Verdict.OK
    differences = [{"record": f"key {number}", "problem": "is missing"} for number in range(12)]
    found = list(database.records(asked(tmp_path, FakeGateway(differences=differences))))
    assert [finding.line for finding in found[:1]] == ["key 0: is missing"]
    assert found[-1].line == "and 2 more"
    assert {finding.mend for finding in found} == {"scrutineer gateway mend"}


def target(**health: str) -> dict[str, Any]:
    targets = [{"RdsResourceId": "database-1", "TargetHealth": health}] if health else []
    return {**stack(PROXY), "rds.describe_db_proxy_targets": {"Targets": targets}}


def test_the_proxy(tmp_path: Path) -> None:
    folder = project(tmp_path, TOPIC)
    assert told(database.proxy(subject(folder, target(State="AVAILABLE")))) == [
        ("ok", "database-1 is AVAILABLE behind it")
    ]
    failed = only(
        database.proxy(subject(folder, target(State="UNAVAILABLE", Reason="AUTH_FAILURE", Description="no secret")))
    )
    assert (failed.verdict, failed.line) == (Verdict.FAIL, "database-1 is UNAVAILABLE: AUTH_FAILURE, no secret")
    assert only(database.proxy(subject(folder, target()))).verdict is Verdict.FAIL


def test_migrations_are_told_by_the_deployment(tmp_path: Path) -> None:
    well = stack(("Migration", "Custom::Migration", "migrations"))
    folder = project(tmp_path, TOPIC)
    assert only(database.migrations(subject(folder, well))).verdict is Verdict.OK
    for summary in well["cloudformation.list_stack_resources"]["StackResourceSummaries"]:
        summary["ResourceStatus"] = "UPDATE_FAILED"
    failed = only(database.migrations(subject(folder, well)))
    assert (failed.verdict, failed.line) == (Verdict.FAIL, "Migration is UPDATE_FAILED")


def test_tables_are_looked_at_where_a_database_is_given(tmp_path: Path, empty_database: Connection) -> None:
    folder = project(tmp_path, TOPIC)
    assert list(database.tables(subject(folder))) == []
    (folder / "database").mkdir()
    (folder / "database" / "rights.json").write_text("{}")
    (folder / "database" / "0001_clients_and_keys.sql").write_text("SELECT 1")
    assert only(database.tables(subject(folder, database=empty_database.url))).verdict is Verdict.OK
    (folder / "database" / "9999_later.sql").write_text("SELECT 1")
    found = only(database.tables(subject(folder, database=empty_database.url)))
    assert (found.verdict, found.line) == (Verdict.FAIL, "not applied yet: 9999_later")
