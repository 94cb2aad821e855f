"""What the webhooks function is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.settings import DatabaseSettings, local_places, text


@dataclass(frozen=True)
class Settings:
    """`local_places` may be told over plain http; none but on a machine of one's own."""

    database: DatabaseSettings
    local_places: frozenset[tuple[str, int]]
    notify_queue_url: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            local_places=local_places(env, "OUTWARD_LOCAL"),
            notify_queue_url=text(env, "NOTIFY_QUEUE_URL"),
        )
