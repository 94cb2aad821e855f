"""What the spreading of batches is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.hours import ServiceHours
from core.lanes import LaneUrls, lane_urls
from core.settings import DatabaseSettings, PhotoSettings, hours_setting, number, text


@dataclass(frozen=True)
class Settings:
    """`lease_s`: how long a worker may hold a batch."""

    database: DatabaseSettings
    photos: PhotoSettings
    hours: ServiceHours
    lease_s: int
    bucket: str
    spread_queue_url: str
    notify_queue_url: str
    precheck_queue_urls: LaneUrls

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            photos=PhotoSettings.from_environment(env),
            hours=hours_setting(env),
            lease_s=number(env, "LEASE_S", least=1),
            bucket=text(env, "BUCKET"),
            spread_queue_url=text(env, "SPREAD_QUEUE_URL"),
            notify_queue_url=text(env, "NOTIFY_QUEUE_URL"),
            precheck_queue_urls=lane_urls(env, "PRECHECK"),
        )
