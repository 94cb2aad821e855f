"""What the pre-check is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.lanes import LaneUrls, lane_urls
from core.settings import DatabaseSettings, HoldingSettings, WorkerSettings, text


@dataclass(frozen=True)
class Settings:
    database: DatabaseSettings
    worker: WorkerSettings
    holding: HoldingSettings
    bucket: str
    precheck_queue_urls: LaneUrls
    invoke_queue_urls: LaneUrls

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            worker=WorkerSettings.from_environment(env),
            holding=HoldingSettings.from_environment(env),
            bucket=text(env, "BUCKET"),
            precheck_queue_urls=lane_urls(env, "PRECHECK"),
            invoke_queue_urls=lane_urls(env, "INVOKE"),
        )
