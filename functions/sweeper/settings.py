"""What the sweeper is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.settings import DatabaseSettings, number, text


@dataclass(frozen=True)
class Settings:
    """`sweep_after_s`: how long a commit may stay without its message before the sweeper sends one."""

    database: DatabaseSettings
    sweep_after_s: int
    max_attempts: int
    precheck_queue_url: str
    invoke_queue_url: str
    format_queue_url: str

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            sweep_after_s=number(env, "SWEEP_AFTER_S", least=1),
            max_attempts=number(env, "MAX_ATTEMPTS", least=1),
            precheck_queue_url=text(env, "PRECHECK_QUEUE_URL"),
            invoke_queue_url=text(env, "INVOKE_QUEUE_URL"),
            format_queue_url=text(env, "FORMAT_QUEUE_URL"),
        )
