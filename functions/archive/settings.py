"""What the archive function is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.settings import DatabaseSettings, HotReadSettings, number, text


@dataclass(frozen=True)
class Settings:
    """`archive_after_s`: how long a final inspection is left to whoever ended it."""

    database: DatabaseSettings
    bucket: str
    hot: HotReadSettings | None
    archive_after_s: int

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            bucket=text(env, "BUCKET"),
            hot=HotReadSettings.from_environment(env),
            archive_after_s=number(env, "ARCHIVE_AFTER_S", least=1),
        )
