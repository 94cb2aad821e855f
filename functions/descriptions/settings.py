"""What the descriptions function is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.settings import DatabaseSettings, EndpointSettings


@dataclass(frozen=True)
class Settings:
    database: DatabaseSettings
    endpoint: EndpointSettings | None
    fallback: EndpointSettings | None

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            endpoint=EndpointSettings.optional_from_environment(env, "ENDPOINT"),
            fallback=EndpointSettings.optional_from_environment(env, "FALLBACK_ENDPOINT"),
        )
