"""What the routes work with, made once a process."""

import os
from dataclasses import dataclass
from functools import cache

from core import aws
from core.accept import Accept
from core.composition import open_database, open_handover, open_hot_results, open_photo_sources
from core.database import Database
from core.erasure import Erasure
from core.hot_results import HotResults
from core.inspection_records import InspectionRecords
from core.lane_load import LaneLoad
from core.service import Service
from core.states import State
from core.storage import S3ObjectStore
from core.uploads import PhotoUploads
from core.usage import UsageRecords
from inspections.settings import Settings


@dataclass(frozen=True)
class Services:
    database: Database
    records: InspectionRecords
    usage: UsageRecords
    accept: Accept
    erasure: Erasure
    service: Service
    load: LaneLoad
    hot: HotResults | None = None


@cache
def services() -> Services:
    settings = Settings.from_environment(os.environ)
    database = open_database(settings.database)
    records = InspectionRecords(database)
    handover = open_handover(database, {State.ACCEPTED: settings.precheck_queue_urls})
    store = S3ObjectStore(aws.s3(), settings.bucket)
    service = Service(database, settings.hours)
    gather = open_photo_sources(settings.photos, settings.bucket)
    accept = Accept(records, store, handover, service, gather)
    hot = open_hot_results(settings.hot)
    load = LaneLoad(database, settings.limits)
    return Services(database, records, UsageRecords(database), accept, Erasure(database, store), service, load, hot)


@cache
def uploads() -> PhotoUploads:
    return PhotoUploads(aws.s3(), Settings.from_environment(os.environ).bucket)
