"""Invoke worker: messages from the invoke queue."""

import os

from core import aws
from core.composition import Stage, open_database, open_stage
from core.endpoint import open_endpoint
from core.stage_handler import stage_handler
from core.states import State
from core.storage import S3ObjectStore
from invoke.invoke import Invoke
from invoke.settings import Settings


def stage() -> Stage:
    settings = Settings.from_environment(os.environ)
    return open_stage(
        takes=State.PRECHECKED,
        work=Invoke(
            S3ObjectStore(aws.s3(), settings.bucket),
            open_endpoint(settings.endpoint, settings.fallback, bucket=settings.bucket),
        ),
        database=open_database(settings.database),
        worker=settings.worker,
        holding=settings.holding,
        queue_urls={State.PRECHECKED: settings.invoke_queue_urls, State.INFERRED: settings.format_queue_urls},
    )


handler = stage_handler(stage)
