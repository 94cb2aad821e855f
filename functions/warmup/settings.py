"""What the warm-up is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.hours import ServiceHours
from core.settings import DatabaseSettings, EndpointSettings, hours_setting


@dataclass(frozen=True)
class Settings:
    database: DatabaseSettings
    hours: ServiceHours
    endpoint: EndpointSettings

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            hours=hours_setting(env),
            endpoint=EndpointSettings.from_environment(env),
        )
