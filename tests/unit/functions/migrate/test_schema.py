"""The folder `database/`: names and rights are what they must be, and the rights are just those that the code needs."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from migrate.errors import SchemaInvalid
from migrate.schema import read_schema

ROOT = Path(__file__).parents[4]
DATABASE = ROOT / "database"
USES = (
    ("INSERT", re.compile(r"INSERT (?:IGNORE )?INTO (\w+)")),
    ("DELETE", re.compile(r"DELETE FROM (\w+)")),
    ("UPDATE", re.compile(r"(?<!FOR )UPDATE (\w+)")),
    ("UPDATE", re.compile(r"INSERT INTO (\w+).*ON DUPLICATE KEY UPDATE", re.DOTALL)),
    # MySQL lets nobody lock a row who may not change it; MariaDB does.
    ("UPDATE", re.compile(r"FROM (\w+).*FOR UPDATE", re.DOTALL)),
    ("SELECT", re.compile(r"(?<!DELETE )(?:FROM|JOIN) (\w+)")),
)


def folder(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in {"rights.json": "{}", **files}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"clients.sql": ""}, "begins with four digits"),
        ({"0001-clients.sql": ""}, "begins with four digits"),
        ({"0001_a.sql": "", "0001_b.sql": ""}, "has the number 0001"),
        ({"rights.json": '{"clients": []}'}, "clients must list some of"),
        ({"rights.json": '{"clients": ["SELECT", "DROP"]}'}, "clients must list some of"),
        ({"rights.json": '{"clients` TO x; --": ["SELECT"]}'}, "must list some of"),
    ],
)
def test_a_folder_that_is_at_fault_is_told(files: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaInvalid, match=words):
        read_schema(folder(tmp_path, files))


def test_migrations_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    schema = read_schema(folder(tmp_path, {"0010_c.sql": "SELECT 3", "0002_b.sql": "SELECT 2", "0001_a.sql": ""}))
    assert [migration.name for migration in schema.migrations] == ["0001_a", "0002_b", "0010_c"]


def test_the_functions_may_do_what_their_statements_do_and_no_more() -> None:
    """A right that is missing here is an error in AWS, and one too many is a way in."""
    given = json.loads((DATABASE / "rights.json").read_text())
    tables = set(re.findall(r"CREATE TABLE (\w+)", "\n".join(each.read_text() for each in DATABASE.glob("*.sql"))))
    used: dict[str, set[str]] = {table: set() for table in tables}
    for text in statements_in(ROOT / "functions"):
        for right, pattern in USES:
            for table in pattern.findall(text):
                if table in tables:
                    used[table].add(right)
    assert {table: set(rights) for table, rights in given.items()} == used


def test_the_audit_log_is_only_ever_added_to() -> None:
    assert json.loads((DATABASE / "rights.json").read_text())["audit_log"] == ["SELECT", "INSERT"]


def test_the_certificates_are_roots_of_one_authority_and_last() -> None:
    roots = x509.load_pem_x509_certificates((DATABASE / "rds-ca-rsa2048-g1.pem").read_bytes())
    names = [root.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value for root in roots]
    assert len(set(names)) == len(names) >= 27
    for root, name in zip(roots, names, strict=True):
        assert re.fullmatch(r"Amazon RDS [a-z]+-[a-z]+-\d Root CA RSA2048 G1", str(name))
        root.verify_directly_issued_by(root)
        assert root.not_valid_after_utc.year >= 2061


def statements_in(folder: Path) -> Iterator[str]:
    """Every string of the code, whole: what an f-string puts in is a question mark."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else " ? " for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
