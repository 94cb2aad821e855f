"""What administration is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.settings import DatabaseSettings, text


@dataclass(frozen=True)
class Settings:
    """`stack_name`: the prefix of our records' names in API Gateway. The API and its stage are in every request."""

    database: DatabaseSettings
    stack_name: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(database=DatabaseSettings.from_environment(env), stack_name=text(env, "STACK_NAME"))
