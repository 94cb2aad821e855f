"""What the reconciling function is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.gateway_drift import Place
from core.settings import DatabaseSettings, text


@dataclass(frozen=True)
class Settings:
    """`place`: the stack's name, and the API's stage that the records open."""

    database: DatabaseSettings
    place: Place

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            place=Place(stack=text(env, "STACK_NAME"), api_id=text(env, "API_ID"), stage=text(env, "API_STAGE")),
        )
