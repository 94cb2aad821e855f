"""The server process: uvicorn around the app, ended by SIGTERM in SageMaker's way."""

import os
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import NoReturn

import uvicorn
from fastapi import FastAPI

from models.interface import LoadedModel, ModelOptions
from models.registry import load_model
from server.app import create_app
from server.health import Health, State
from server.log import configure_logging, log
from server.settings import Settings, SettingsError

# Read by the libraries when they are imported, which the model thread does later.
LIBRARY_ENVIRONMENT = {
    # An endpoint has no business with a model hub, and progress bars are no log lines.
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # Threads that spin at a barrier on a shared core make small forwards 50 times slower.
    "OMP_WAIT_POLICY": "PASSIVE",
}


class GracefulServer(uvicorn.Server):
    """Stops for a signal without dying of it: uvicorn would raise the signal again and exit with its number."""

    def __init__(self, config: uvicorn.Config, health: Health) -> None:
        super().__init__(config)
        self._health = health

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True
        self._health.move(State.DEFUNCT)


def serve(environment: Mapping[str, str]) -> int:
    """Serve until told to stop; returns the exit status."""
    configure_logging()
    try:
        settings = Settings.from_mapping(environment)
    except SettingsError as error:
        log("settings_invalid", reason=str(error))
        return 2
    return run(settings, lambda: load_model(model_options(settings)))


def model_options(settings: Settings) -> ModelOptions:
    """What the settings say about the model itself."""
    return ModelOptions(
        settings.model_dir,
        settings.threads,
        settings.device,
        settings.photo_cache_bytes,
        settings.prefix_cache_bytes,
        settings.seen_cache_bytes,
        settings.generation_slots,
        settings.slot_tokens,
        settings.model_digest,
    )


def run(settings: Settings, load: Callable[[], LoadedModel]) -> int:
    """Serve the model that `load` gives until a signal comes; returns the exit status."""
    app = create_app(settings, load)
    server = GracefulServer(server_config(app, settings), app.state.health)
    log("starting", host=settings.host, port=settings.port, model_dir=str(settings.model_dir))
    server.run()
    if not server.started:
        return 1
    log("stopped")
    return 0


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """uvicorn's settings; logging stays ours."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.drain_timeout_s,
    )


def main(arguments: list[str]) -> None:
    """Run as SageMaker runs a container: with the one argument `serve`, or with none."""
    if arguments not in ([], ["serve"]):
        sys.exit("usage: serve")
    for name, value in LIBRARY_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    leave(serve(os.environ))


def leave(status: int) -> NoReturn:
    """End the process at once: a forward still running in its thread would crash in sys.exit's tear-down."""
    sys.stdout.flush()
    os._exit(status)
