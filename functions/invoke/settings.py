"""What the invoke stage is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.settings import DatabaseSettings, EndpointSettings, WorkerSettings, text


@dataclass(frozen=True)
class Settings:
    database: DatabaseSettings
    worker: WorkerSettings
    endpoint: EndpointSettings
    fallback: EndpointSettings | None
    bucket: str
    invoke_queue_url: str
    format_queue_url: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            worker=WorkerSettings.from_environment(env),
            endpoint=EndpointSettings.from_environment(env),
            fallback=EndpointSettings.optional_from_environment(env, "FALLBACK_ENDPOINT"),
            bucket=text(env, "BUCKET"),
            invoke_queue_url=text(env, "INVOKE_QUEUE_URL"),
            format_queue_url=text(env, "FORMAT_QUEUE_URL"),
        )
