"""Opaque identifiers: a prefix that says what it names, then 130 random bits in lower-case base 32."""

import re
import secrets

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
LENGTH = 26


def new_identifier(prefix: str) -> str:
    """`insp_…`, `key_…`: not guessable, so that knowing one tells nothing of the next."""
    return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(LENGTH))}"


def is_identifier(text: str, prefix: str) -> bool:
    """Whether `text` could have come from `new_identifier(prefix)`."""
    return re.fullmatch(rf"{prefix}_[{ALPHABET}]{{{LENGTH}}}", text) is not None
