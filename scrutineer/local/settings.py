"""What can be chosen about a local stack."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def default_cache() -> Path:
    """Where downloads and the prepared database are kept between runs."""
    given = os.environ.get("SCRUTINEER_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "scrutineer"


@dataclass(frozen=True)
class StackSettings:
    """Times in seconds, mappings by logical id of the template."""

    template: Path = ROOT / "template.yaml"
    migrations: Path | None = ROOT / "database"
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Values for the template's parameters."""

    container_source: Path = ROOT / "endpoint_container"
    model_dir: Path = ROOT / "endpoint_container" / "demo_model" / "artifact"
    container_environment: Mapping[str, str] = field(default_factory=dict)
    container_start_limit_s: float = 600.0
    further_models: Mapping[str, Path] = field(default_factory=dict)
    """Model folders that get a container of their own, by the template's parameter that takes its address."""
    endpoint_url: str | None = None
    """A container that already runs somewhere; none is started then."""
    endpoint_payload_limit_bytes: int = 6 * 1024 * 1024
    endpoint_cold_start_s: float = 0.0
    """How long the endpoint has no copy of the model after it was first asked, as one that scales from zero."""
    start_endpoint: bool = True
    """Without an endpoint, invocations get SageMaker's ServiceUnavailable."""

    gateway_port: int = 0
    """0 takes a free one."""
    data_dir: Path | None = None
    """Logs and the database; None is a temporary folder that goes with the stack."""
    cache: Path = field(default_factory=default_cache)
    python: str = sys.executable
    """The interpreter of the functions, with `functions/requirements.txt` installed."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for every function."""
    function_environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    max_slots: Mapping[str, int] = field(default_factory=dict)
    default_max_slots: int = 16
    """Slots of a function with neither a setting here nor a reserved concurrency."""
    slot_wait_s: float = 30.0
    """How long a call waits for a slot where the template reserves no concurrency. Lambda would have room for it."""
    warm_slots: int = 1
    """Slots of each function that are started ahead."""
    visibility_timeout_s: Mapping[str, int] = field(default_factory=dict)
    schedule_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds between two runs, in place of a schedule's expression."""
    async_retry_delays_s: tuple[float, ...] = (60.0, 120.0)
    durable_database: bool = False

    @property
    def asynchronous(self) -> bool:
        """Whether the endpoint takes requests into a queue, by the template's parameter."""
        return self.parameters.get("EndpointWay") == "asynchronous"
