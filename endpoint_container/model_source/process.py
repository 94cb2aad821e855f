"""The fetching process: one line when it is done, one if it can't be."""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from time import perf_counter

from model_source.archive import fetch
from model_source.bucket import Bucket, S3Bucket
from model_source.errors import FetchError
from model_source.settings import FetchSettings
from server.log import configure_logging, log


def run(environment: Mapping[str, str], open_bucket: Callable[[str], Bucket] = S3Bucket) -> int:
    """Fetch what the environment names; returns the exit status. The bucket is opened by its name."""
    configure_logging()
    # It tells where it found credentials.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    started = perf_counter()
    try:
        settings = FetchSettings.from_mapping(environment)
        if settings.scratch_dir is not None:
            settings.scratch_dir.chmod(0o1777)
        identity = fetch(open_bucket(settings.bucket), settings.key, settings.digest, settings.model_dir)
    except FetchError as error:
        log("fetch_failed", logging.ERROR, reason=str(error))
        return 1
    except OSError as error:
        log("fetch_failed", logging.ERROR, reason=f"{error.filename}: {error.strerror}")
        return 1
    log("fetched", seconds=round(perf_counter() - started, 3), **vars(identity))
    return 0


def main(arguments: list[str]) -> None:
    """Run with the one argument `fetch`, or with none."""
    if arguments not in ([], ["fetch"]):
        sys.exit("usage: fetch")
    sys.exit(run(os.environ))
