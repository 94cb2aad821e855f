"""Two versions of the functions share the tables while one replaces the other: a migration only adds to them.

While a deployment shifts its traffic, and for good after one that is rolled back, the version before meets the new
tables. So nothing that it reads may go or be renamed, and nothing that it writes may be refused. What nobody uses any
more is taken away by a later migration, whose file begins with `-- contract: the version that does not use it`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.statements import statements
from tests.unit.functions.migrate.test_schema import DATABASE, ROOT, statements_in

TAKES_AWAY = re.compile(r"\b(?:DROP|RENAME|TRUNCATE|MODIFY|CHANGE)\b|^DELETE|\bALTER COLUMN\b", re.IGNORECASE)
# What a row of the version before may not fit: it knows neither the column nor the rule.
REFUSES = re.compile(
    r"ADD (?:CONSTRAINT|UNIQUE|PRIMARY|FOREIGN|CHECK)|CREATE UNIQUE|"
    r"ADD (?:COLUMN )?(?!KEY|INDEX|COLUMN)\w+ (?:(?!DEFAULT|ADD ).)*NOT NULL(?:(?!DEFAULT|ADD ).)*(?:,|$)",
    re.IGNORECASE | re.DOTALL,
)
NOT_READ_BY_THE_RUNNER = re.compile(r"\bDELIMITER\b|\bBEGIN\b|/\*!", re.IGNORECASE)
CONTRACT = re.compile(r"\A-- contract: \S+")


def faults(text: str) -> list[str]:
    """What is wrong with a migration, in the order of its statements."""
    found = list(_new_tables_apart(statements(text)))
    if NOT_READ_BY_THE_RUNNER.search(text):
        found.append("has what the runner does not read")
    if CONTRACT.match(text):
        found = [fault for fault in found if not fault.startswith("takes away")]
    return found


def _new_tables_apart(parts: tuple[str, ...]) -> Iterator[str]:
    """Of a table that the file makes itself, the version before knows nothing."""
    new: set[str] = set()
    for part in parts:
        made = re.match(r"CREATE TABLE (\w+)", part)
        if made:
            new.add(made[1])
            continue
        on = re.search(r"\bON (\w+)\s+FOR EACH ROW", part) or re.match(r"(?:ALTER TABLE|INSERT INTO) (\w+)", part)
        if on and on[1] in new:
            continue
        if TAKES_AWAY.search(part):
            yield f"takes away: {part[:60]}"
        if REFUSES.search(part):
            yield f"refuses: {part[:60]}"
        if part.upper().startswith("CREATE TRIGGER"):
            yield f"refuses: {part[:60]}"


@pytest.mark.parametrize("file", sorted(DATABASE.glob("*.sql")), ids=lambda file: file.stem)
def test_a_migration_leaves_the_version_before_at_work(file: Path) -> None:
    assert faults(file.read_text()) == []


@pytest.mark.parametrize("file", sorted(DATABASE.glob("*.sql")), ids=lambda file: file.stem)
def test_what_a_contract_takes_away_nobody_uses(file: Path) -> None:
    if not CONTRACT.match(file.read_text()):
        return
    used = set(re.findall(r"\w+", "\n".join(statements_in(ROOT / "functions"))))
    dropped = set(re.findall(r"DROP (?:TABLE|COLUMN|KEY|INDEX)? ?(\w+)", "\n".join(statements(file.read_text()))))
    assert not dropped & used


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE clients DROP COLUMN name",
        "DROP TABLE clients",
        "ALTER TABLE clients RENAME COLUMN name TO title",
        "RENAME TABLE clients TO customers",
        "ALTER TABLE clients MODIFY COLUMN name VARCHAR(10) NOT NULL",
        "ALTER TABLE clients CHANGE name title VARCHAR(100)",
        "ALTER TABLE clients ALTER COLUMN plan DROP DEFAULT",
        "ALTER TABLE clients ADD COLUMN region VARCHAR(40) NOT NULL",
        "ALTER TABLE clients ADD COLUMN a INT NULL, ADD COLUMN b INT NOT NULL, ADD COLUMN c INT NULL",
        "ALTER TABLE clients ADD COLUMN a INT NOT NULL DEFAULT 0, ADD COLUMN b INT NOT NULL",
        "ALTER TABLE clients ADD region VARCHAR(40) NOT NULL",
        "ALTER TABLE clients ADD UNIQUE KEY by_name (name)",
        "CREATE UNIQUE INDEX by_name ON clients (name)",
        "ALTER TABLE clients ADD CONSTRAINT named CHECK (name <> '')",
        "ALTER TABLE api_keys ADD FOREIGN KEY (client_id) REFERENCES clients (client_id)",
        "CREATE TRIGGER t BEFORE INSERT ON clients FOR EACH ROW SIGNAL SQLSTATE '45000'",
        "DELETE FROM plans WHERE plan = 'standard'",
        "TRUNCATE client_usage",
        "CREATE TABLE t (a INT); ALTER TABLE clients DROP COLUMN name",
        "DELIMITER //",
        "CREATE TRIGGER t BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = 1; END",
    ],
)
def test_what_the_version_before_would_trip_over_is_found(text: str) -> None:
    assert faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (a INT NOT NULL, UNIQUE KEY by_a (a)); ALTER TABLE t ADD UNIQUE KEY u (a)",
        "CREATE TABLE t (a INT); CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW SIGNAL SQLSTATE '45000'",
        "ALTER TABLE clients ADD COLUMN a INT NULL, ADD COLUMN b INT NOT NULL DEFAULT 0, ADD KEY by_a (a)",
        "ALTER TABLE clients ADD COLUMN note VARCHAR(9) NOT NULL DEFAULT '', ADD INDEX by_note (note)",
        "INSERT INTO plans (plan) VALUES ('large')",
        "UPDATE clients SET updated_at = created_at WHERE updated_at IS NULL",
        "-- contract: 0.4.0 reads title\nALTER TABLE clients DROP COLUMN name",
    ],
)
def test_what_only_adds_is_let_through(text: str) -> None:
    assert faults(text) == []
