"""What administration is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from admin.dead_letter_contract import StageName
from core.lanes import LaneUrls, lane_urls, one_url
from core.settings import DatabaseSettings, text


@dataclass(frozen=True)
class Settings:
    """`stack_name`: the prefix of our records' names in API Gateway. The API and its stage are in every request."""

    database: DatabaseSettings
    stack_name: str
    queue_urls: Mapping[StageName, LaneUrls]
    dead_letter_urls: Mapping[StageName, str]

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        return cls(
            database=DatabaseSettings.from_environment(env),
            stack_name=text(env, "STACK_NAME"),
            queue_urls={
                StageName.PRECHECK: lane_urls(env, "PRECHECK"),
                StageName.INVOKE: lane_urls(env, "INVOKE"),
                StageName.FORMAT: one_url(env, "FORMAT"),
            },
            dead_letter_urls={stage: text(env, f"{stage.name}_DEAD_LETTERS_URL") for stage in StageName},
        )
