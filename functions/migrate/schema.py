"""What a folder says of the database: numbered migrations, and what the functions' user may do to each table."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate.errors import SchemaInvalid
from migrate.statements import statements

NAME = re.compile(r"\d{4}_[a-z0-9_]{1,90}")
RIGHTS = "rights.json"
MAY_BE_GIVEN = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})


@dataclass(frozen=True)
class Migration:
    """`name` is the file's, without `.sql`."""

    name: str
    statements: tuple[str, ...]


@dataclass(frozen=True)
class Schema:
    """`rights` are SELECT, INSERT, UPDATE and DELETE by table."""

    migrations: Sequence[Migration]
    rights: Mapping[str, Sequence[str]]


def read_schema(folder: Path) -> Schema:
    """Raises SchemaInvalid for two files of one number, a name without one, and a right that is never given."""
    files = sorted(folder.glob("*.sql"))
    numbers = [file.stem[:4] for file in files]
    for file in files:
        if not NAME.fullmatch(file.stem):
            raise SchemaInvalid(f"{file.name}: a migration's name begins with four digits, as 0001_clients.sql does.")
        if numbers.count(file.stem[:4]) > 1:
            raise SchemaInvalid(f"{file.name}: another migration has the number {file.stem[:4]}.")
    rights: dict[str, list[str]] = json.loads((folder / RIGHTS).read_text())
    for table, given in rights.items():
        if not re.fullmatch(r"\w+", table) or not given or not set(given) <= MAY_BE_GIVEN:
            raise SchemaInvalid(f"{RIGHTS}: {table} must list some of {', '.join(sorted(MAY_BE_GIVEN))}.")
    return Schema([Migration(file.stem, statements(file.read_text())) for file in files], rights)
