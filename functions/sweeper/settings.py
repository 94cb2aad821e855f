"""What the sweeper is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.hours import ServiceHours
from core.lanes import LaneUrls, lane_urls, one_url
from core.settings import DatabaseSettings, hours_setting, number, text


@dataclass(frozen=True)
class Settings:
    """`sweep_after_s`: how long a commit may stay without its message before the sweeper sends one.

    `held_per_minute`: how many held inspections are let go in one round.
    """

    database: DatabaseSettings
    sweep_after_s: int
    max_attempts: int
    hours: ServiceHours
    held_per_minute: int
    precheck_queue_urls: LaneUrls
    invoke_queue_urls: LaneUrls
    format_queue_urls: LaneUrls
    spread_queue_url: str
    notify_queue_url: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            sweep_after_s=number(env, "SWEEP_AFTER_S", least=1),
            max_attempts=number(env, "MAX_ATTEMPTS", least=1),
            hours=hours_setting(env),
            held_per_minute=number(env, "HELD_PER_MINUTE", least=1),
            precheck_queue_urls=lane_urls(env, "PRECHECK"),
            invoke_queue_urls=lane_urls(env, "INVOKE"),
            format_queue_urls=one_url(env, "FORMAT"),
            spread_queue_url=text(env, "SPREAD_QUEUE_URL"),
            notify_queue_url=text(env, "NOTIFY_QUEUE_URL"),
        )
