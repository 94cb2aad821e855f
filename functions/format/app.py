"""Format worker: messages from the format queue."""

import os

from core import aws
from core.composition import Stage, open_archive, open_database, open_stage
from core.stage_handler import stage_handler
from core.states import State
from core.storage import S3ObjectStore
from format.format import Format
from format.settings import Settings


def stage() -> Stage:
    settings = Settings.from_environment(os.environ)
    return open_stage(
        takes=State.INFERRED,
        work=Format(S3ObjectStore(aws.s3(), settings.bucket)),
        database=open_database(settings.database),
        worker=settings.worker,
        queue_urls={State.INFERRED: settings.format_queue_urls},
        archive=lambda database: open_archive(database, settings.bucket, settings.hot),
    )


handler = stage_handler(stage)
