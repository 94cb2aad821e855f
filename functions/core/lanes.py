"""Interactive work and bulk work travel apart: each lane has queues and concurrency of its own."""

from collections.abc import Mapping
from enum import StrEnum

from core.settings import text


class Lane(StrEnum):
    """Interactive: somebody waits for the verdict. Bulk: nobody does, and it never delays the other."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


LaneUrls = Mapping[Lane, str]


def lane_urls(env: Mapping[str, str], stage: str) -> LaneUrls:
    """The queues of a stage that has one a lane; `stage` is the stage's part of the settings' names."""
    return {
        Lane.INTERACTIVE: text(env, f"{stage}_QUEUE_URL"),
        Lane.BULK: text(env, f"{stage}_BULK_QUEUE_URL"),
    }


def one_url(env: Mapping[str, str], stage: str) -> LaneUrls:
    """The queue of a stage that is quick enough for one to carry both lanes."""
    return dict.fromkeys(Lane, text(env, f"{stage}_QUEUE_URL"))
