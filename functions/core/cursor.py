"""A list's cursor: opaque to the client, the number of the last row to us.

`way` is where the next page lies from there: before it in lists that have the newest first, after it in others.
"""

import base64
import binascii
from typing import Literal

from core.errors import InvalidRequest

Way = Literal["before", "after"]


def encode_cursor(sequence: int, way: Way = "before") -> str:
    """Where the next page begins."""
    return base64.urlsafe_b64encode(f"{way}:{sequence}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str, way: Way = "before") -> int:
    """Raises InvalidRequest for anything that encode_cursor did not make."""
    try:
        name, _, number = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").partition(":")
        if name == way and number.isdigit() and len(number) <= 20:
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise InvalidRequest("The cursor is not one of ours; take it from next_cursor.", field="cursor")
