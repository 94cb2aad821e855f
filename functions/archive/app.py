"""Scheduled every minute: what is final and not archived yet goes to the archive."""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from archive.catch_up import catch_up
from archive.settings import Settings
from core.composition import open_archive, open_database
from core.observability import logger, metrics, traced
from core.result_archive import ResultArchive


@dataclass(frozen=True)
class Services:
    settings: Settings
    archive: ResultArchive


@cache
def services() -> Services:
    settings = Settings.from_environment(os.environ)
    return Services(settings, open_archive(open_database(settings.database), settings.bucket, settings.hot))


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    after_s = services().settings.archive_after_s
    archived, failed = catch_up(services().archive, after_s=after_s, remaining_ms=context.get_remaining_time_in_millis)
    metrics.add_metric("InspectionsArchivedLate", "Count", archived)
    metrics.add_metric("InspectionsNotArchivable", "Count", failed)
    return {"archived": archived, "failed": failed}
