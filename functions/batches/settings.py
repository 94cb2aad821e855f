"""What the batches function is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.settings import DatabaseSettings, text


@dataclass(frozen=True)
class Settings:
    database: DatabaseSettings
    bucket: str
    photo_buckets: tuple[str, ...]
    photo_buckets_owner: str
    spread_queue_url: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            bucket=text(env, "BUCKET"),
            photo_buckets=tuple(filter(None, text(env, "PHOTO_BUCKETS").split(","))),
            photo_buckets_owner=text(env, "PHOTO_BUCKETS_OWNER"),
            spread_queue_url=text(env, "SPREAD_QUEUE_URL"),
        )
