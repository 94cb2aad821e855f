"""Wiring that several functions share: a database from its settings, a queued stage from its parts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from core import aws
from core.database import Database
from core.delivery_nudge import DeliveryNudge
from core.handover import Handover
from core.held_records import HeldRecords
from core.lanes import LaneUrls
from core.outward import Outward
from core.photo_buckets import PhotoBuckets
from core.photo_sources import PhotoSources
from core.queues import SqsQueue
from core.service import Service
from core.settings import DatabaseSettings, HoldingSettings, HotReadSettings, PhotoSettings, WorkerSettings
from core.states import State
from core.storage import S3ObjectStore
from core.uploads import PhotoUploads
from core.work_records import Claimed, WorkRecords
from core.worker import Hold, Outcome, StageWorker, never_held

if TYPE_CHECKING:
    from core.hot_results import DynamoResults
    from core.result_archive import ResultArchive


@dataclass(frozen=True)
class Stage:
    """A queued stage, ready to work, and the queues that its own messages come from."""

    worker: StageWorker
    queues: Sequence[SqsQueue]


def open_database(settings: DatabaseSettings) -> Database:
    """Connects on first use; signs in by IAM token where the settings say so."""
    if settings.auth == "iam":
        return Database(settings, partial(aws.database_token, settings.host, settings.port, settings.user))
    return Database(settings)


def open_handover(database: Database, queue_urls: Mapping[State, LaneUrls]) -> Handover:
    """Tells the stage that takes a state by the lane's queue of that state."""
    queues = {
        state: {lane: SqsQueue(aws.sqs(), url) for lane, url in lanes.items()} for state, lanes in queue_urls.items()
    }
    return Handover(database, queues)


def open_hot_results(settings: HotReadSettings | None) -> "DynamoResults | None":
    """None where hot reads are off."""
    from core.hot_results import DynamoResults

    return DynamoResults(aws.dynamodb, settings.table, settings.days) if settings else None


def open_archive(database: Database, bucket: str, hot: HotReadSettings | None) -> "ResultArchive":
    """Writes results to the bucket and, where hot reads are on, to their table."""
    # Most functions archive nothing and need none of the contract's models.
    from core.result_archive import ResultArchive

    return ResultArchive(database, S3ObjectStore(aws.s3(), bucket), open_hot_results(hot))


def open_photo_sources(settings: PhotoSettings, bucket: str) -> PhotoSources:
    """Every way to hand in photos that the settings open; `bucket` is where uploads are."""
    outward = Outward(settings.local) if settings.https else None
    buckets = PhotoBuckets(aws.s3(), settings.buckets, settings.buckets_owner)
    return PhotoSources(PhotoUploads(aws.s3(), bucket), buckets, outward)


def open_stage(
    *,
    takes: State,
    work: Callable[[Claimed], Outcome],
    database: Database,
    worker: WorkerSettings,
    queue_urls: Mapping[State, LaneUrls],
    archive: "Callable[[Database], ResultArchive] | None" = None,
    holding: HoldingSettings | None = None,
) -> Stage:
    """`queue_urls`: the stage's own queues under the state it takes, the next one's under the state it leads to.

    `archive` is for a stage that archives what it ends; `holding` None: the stage works at any hour.
    """
    hearers = [DeliveryNudge(database, aws.impatient_sqs, worker.notify_queue_url).after_end]
    if archive is not None:
        hearers.append(archive(database).archive_at_once)
    return Stage(
        worker=StageWorker(
            takes=takes,
            work=work,
            records=WorkRecords(database),
            handover=open_handover(database, queue_urls),
            settings=worker,
            hold=_hold(database, holding),
            on_final=partial(_hear, hearers),
        ),
        queues=[SqsQueue(aws.sqs(), url) for url in sorted(set(queue_urls[takes].values()))],
    )


def _hold(database: Database, holding: HoldingSettings | None) -> Hold:
    if holding is None or not holding.holds:
        return never_held
    return HeldRecords(database, Service(database, holding.hours)).hold


def _hear(hearers: Sequence[Callable[[str], None]], inspection_id: str) -> None:
    for hear in hearers:
        hear(inspection_id)
