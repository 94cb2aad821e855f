"""What the notify function is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.settings import DatabaseSettings, local_places, number


@dataclass(frozen=True)
class Settings:
    """`lease_s`: for how long an attempt is one worker's; longer than the function's timeout.

    `local_places` may be told over plain http; none but on a machine of one's own.
    """

    database: DatabaseSettings
    lease_s: int
    local_places: frozenset[tuple[str, int]]

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            lease_s=number(env, "LEASE_S", least=1),
            local_places=local_places(env, "OUTWARD_LOCAL"),
        )
