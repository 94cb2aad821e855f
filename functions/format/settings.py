"""What the format stage is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.lanes import LaneUrls, one_url
from core.settings import DatabaseSettings, HotReadSettings, WorkerSettings, text


@dataclass(frozen=True)
class Settings:
    database: DatabaseSettings
    worker: WorkerSettings
    bucket: str
    format_queue_urls: LaneUrls
    hot: HotReadSettings | None

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            worker=WorkerSettings.from_environment(env),
            bucket=text(env, "BUCKET"),
            format_queue_urls=one_url(env, "FORMAT"),
            hot=HotReadSettings.from_environment(env),
        )
