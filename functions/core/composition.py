"""Wiring that several functions share: a database from its settings, a queued stage from its parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from core import aws
from core.database import Database
from core.handover import Handover
from core.queues import SqsQueue
from core.settings import DatabaseSettings, WorkerSettings
from core.states import State
from core.work_records import Claimed, WorkRecords
from core.worker import Outcome, StageWorker


@dataclass(frozen=True)
class Stage:
    """A queued stage, ready to work, and the queue that its own messages come from."""

    worker: StageWorker
    queue: SqsQueue


def open_database(settings: DatabaseSettings) -> Database:
    """Connects on first use; signs in by IAM token where the settings say so."""
    if settings.auth == "iam":
        return Database(settings, partial(aws.database_token, settings.host, settings.port, settings.user))
    return Database(settings)


def open_handover(database: Database, queue_urls: Mapping[State, str]) -> Handover:
    """Tells the stage that takes a state by the queue of that state."""
    return Handover(database, {state: SqsQueue(aws.sqs(), url) for state, url in queue_urls.items()})


def open_stage(
    *,
    takes: State,
    work: Callable[[Claimed], Outcome],
    database: DatabaseSettings,
    worker: WorkerSettings,
    queue_urls: Mapping[State, str],
) -> Stage:
    """`queue_urls`: the stage's own queue under the state it takes, the next one's under the state it leads to."""
    opened = open_database(database)
    return Stage(
        worker=StageWorker(
            takes=takes,
            work=work,
            records=WorkRecords(opened),
            handover=open_handover(opened, queue_urls),
            settings=worker,
        ),
        queue=SqsQueue(aws.sqs(), queue_urls[takes]),
    )
