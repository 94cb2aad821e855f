"""`/v1/admin/dead-letters`: messages that a stage gave up."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from admin.dead_letter_contract import DeadLetters, Redrive, Redriven, StageName
from admin.services import DryRunQuery, Limit, answer, answers, caller_of, changes, new_router, services_of

DEAD_LETTERS = "/v1/admin/dead-letters"

router = new_router()


@router.get(
    DEAD_LETTERS,
    summary="Messages that a stage gave up, and why",
    description="At most `limit` of each stage. Looking counts as a receive and hides them from other lookers for a "
    "moment.",
    responses=answers(200, DeadLetters, "What was found, and how many there are"),
    tags=["Dead letters"],
)
def list_dead_letters(limit: Limit = 20, stage: Annotated[StageName | None, Query()] = None) -> Response[str]:
    return answer(200, services_of(router).dead_letters.page(stage, limit))


@router.post(
    f"{DEAD_LETTERS}/redrive",
    summary="Send dead letters to their stage again",
    description="One by its `message_id`, or as many of a stage's as fit into one call; `more` asks for another. What "
    "names no inspection stays.",
    responses=changes(200, Redriven, "What was sent again"),
    tags=["Dead letters"],
)
def redrive_dead_letters(body: Annotated[Redrive, Body()], dry_run: DryRunQuery = False) -> Response[str]:
    return answer(200, services_of(router).dead_letters.redrive(caller_of(router, dry_run), body))
