"""Lanes with as much room as the template gives them."""

from core.database import Database
from core.lane_load import LaneLimits, LaneLoad
from core.lanes import Lane

LIMITS = LaneLimits(running={Lane.INTERACTIVE: 15, Lane.BULK: 5}, waiting=5)


def lane_load(database: Database) -> LaneLoad:
    return LaneLoad(database, LIMITS)
