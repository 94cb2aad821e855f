"""Dead letters: how many, which, and what was sent again."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from admin.models import Input, Output
from core.states import State


class StageName(StrEnum):
    """A stage that takes messages from a queue."""

    PRECHECK = "precheck"
    INVOKE = "invoke"
    FORMAT = "format"


class DeadLetter(Output):
    """A message that a stage gave up. `receives` counts those of whoever looked at it here, too."""

    message_id: str
    stage: StageName
    inspection_id: str | None = Field(description="Null where the message is none of ours; its body is never shown.")
    client_id: str | None
    state: State | None = Field(description="Of the inspection, now.")
    receives: int
    first_sent_at: datetime
    why: str


class QueueDepth(Output):
    stage: StageName
    waiting: int = Field(description="About how many dead letters there are.")


class DeadLetters(Output):
    """`GET /v1/admin/dead-letters`: a look, not a page. SQS tells neither order nor all of them at once."""

    queues: list[QueueDepth]
    dead_letters: list[DeadLetter]


class Redrive(Input):
    """`POST /v1/admin/dead-letters/redrive`: one, or all of the stage."""

    stage: StageName
    message_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class Redriven(Output):
    """What was sent again, what stayed because it names no inspection, and whether to ask once more."""

    stage: StageName
    inspection_ids: list[str]
    kept: int
    more: bool
