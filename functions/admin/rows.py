"""From rows to what is shown, and pages of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from core.database import Row

M = TypeVar("M", bound=BaseModel)


def shown(model: type[M], row: Mapping[str, Any]) -> M:
    """The model's fields of a row. MySQL's DATETIME has no zone; ours are all UTC."""
    return model.model_validate(
        {
            name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
            for name, value in row.items()
            if name in model.model_fields
        }
    )


def page(rows: Sequence[Row], limit: int, key: str) -> tuple[Sequence[Row], str | None]:
    """`rows` with at most one more than `limit`; the cursor of the next page is the last row's `key`."""
    return rows[:limit], str(rows[limit - 1][key]) if len(rows) > limit else None
