"""What the batches function is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.settings import DatabaseSettings, text


@dataclass(frozen=True)
class Settings:
    database: DatabaseSettings
    bucket: str
    spread_queue_url: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            bucket=text(env, "BUCKET"),
            spread_queue_url=text(env, "SPREAD_QUEUE_URL"),
        )
