"""Pre-check worker: messages from the precheck queue."""

import os

from core import aws
from core.composition import Stage, open_database, open_stage
from core.stage_handler import stage_handler
from core.states import State
from core.storage import S3ObjectStore
from precheck.precheck import Precheck
from precheck.seen_photos import SeenPhotos
from precheck.settings import Settings


def stage() -> Stage:
    settings = Settings.from_environment(os.environ)
    database = open_database(settings.database)
    return open_stage(
        takes=State.ACCEPTED,
        work=Precheck(S3ObjectStore(aws.s3(), settings.bucket), SeenPhotos(database)),
        database=database,
        worker=settings.worker,
        holding=settings.holding,
        queue_urls={State.ACCEPTED: settings.precheck_queue_urls, State.PRECHECKED: settings.invoke_queue_urls},
    )


handler = stage_handler(stage)
