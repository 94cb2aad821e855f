"""What the front is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.hours import ServiceHours
from core.lane_load import LaneLimits
from core.lanes import Lane, LaneUrls, lane_urls
from core.settings import DatabaseSettings, HotReadSettings, PhotoSettings, hours_setting, number, text


@dataclass(frozen=True)
class Settings:
    database: DatabaseSettings
    bucket: str
    hours: ServiceHours
    precheck_queue_urls: LaneUrls
    photos: PhotoSettings
    limits: LaneLimits
    hot: HotReadSettings | None
    notify_queue_url: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            bucket=text(env, "BUCKET"),
            hours=hours_setting(env),
            precheck_queue_urls=lane_urls(env, "PRECHECK"),
            photos=PhotoSettings.from_environment(env),
            limits=LaneLimits(
                running={
                    Lane.INTERACTIVE: number(env, "RUNNING_AT_ONCE", least=1),
                    Lane.BULK: number(env, "BULK_AT_ONCE", least=1),
                },
                waiting=number(env, "WAITING_AT_ONCE"),
            ),
            hot=HotReadSettings.from_environment(env),
            notify_queue_url=text(env, "NOTIFY_QUEUE_URL"),
        )
