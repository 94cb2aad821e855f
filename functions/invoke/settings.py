"""What the invoke stage is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.settings import DatabaseSettings, WorkerSettings, choice, text


@dataclass(frozen=True)
class EndpointSettings:
    """Any place that speaks `/invocations`: a SageMaker endpoint by its name, or a URL."""

    kind: str
    address: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "EndpointSettings":
        kind = choice(env, "ENDPOINT_KIND", ("sagemaker", "url"))
        return cls(kind=kind, address=text(env, "ENDPOINT_NAME" if kind == "sagemaker" else "ENDPOINT_URL"))


@dataclass(frozen=True)
class Settings:
    database: DatabaseSettings
    worker: WorkerSettings
    endpoint: EndpointSettings
    bucket: str
    invoke_queue_url: str
    format_queue_url: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            worker=WorkerSettings.from_environment(env),
            endpoint=EndpointSettings.from_environment(env),
            bucket=text(env, "BUCKET"),
            invoke_queue_url=text(env, "INVOKE_QUEUE_URL"),
            format_queue_url=text(env, "FORMAT_QUEUE_URL"),
        )
