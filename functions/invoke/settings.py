"""What the invoke stage is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.lanes import LaneUrls, lane_urls, one_url
from core.settings import DatabaseSettings, EndpointSettings, HoldingSettings, WorkerSettings, text


@dataclass(frozen=True)
class Settings:
    database: DatabaseSettings
    worker: WorkerSettings
    holding: HoldingSettings
    endpoint: EndpointSettings
    fallback: EndpointSettings | None
    bucket: str
    invoke_queue_urls: LaneUrls
    format_queue_urls: LaneUrls

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            worker=WorkerSettings.from_environment(env),
            holding=HoldingSettings.from_environment(env),
            endpoint=EndpointSettings.from_environment(env),
            fallback=EndpointSettings.optional_from_environment(env, "FALLBACK_ENDPOINT"),
            bucket=text(env, "BUCKET"),
            invoke_queue_urls=lane_urls(env, "INVOKE"),
            format_queue_urls=one_url(env, "FORMAT"),
        )
