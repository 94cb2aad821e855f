"""One scenario from its first request to the verdict of the checker."""

import functools
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import Unavailable
from core.observability import logger, metrics
from precheck import precheck
from scrutineer.local.database import Database as Server
from tests.chaos.checker import FAILURES, VERDICTS, check, told_ids
from tests.chaos.clients import CLIENTS, Client
from tests.chaos.evidence import Evidence, collect
from tests.chaos.messages import Delivery
from tests.chaos.scenarios import Scenario
from tests.chaos.surroundings import Behaviour
from tests.chaos.world import World
from tests.fakes.metrics import NoMetrics
from tests.fakes.pipeline import Parts

HALF_A_DAY = 12
ROUNDS, ROUND_S, QUIET_S = 4, 20.0, 1.2
LEAST_FAULT_S, FAULT_S_EACH = 2.0, 0.08


@dataclass(frozen=True)
class Report:
    """`duplicates` are inspections with two results or calls of the endpoint for an answer that was kept already;
    `losses` are ids that were told or stored and came to no end."""

    scenario: str
    seed: int
    accepted: int
    posts: int
    deliveries: int
    endpoint_calls: int
    swept: int
    killed: int
    dead_letters: int
    verdicts: int
    rejected: int
    cancelled: int
    errors: int
    duplicates: int
    losses: int
    took_s: float
    found: tuple[str, ...]

    def as_row(self) -> dict[str, Any]:
        return {**asdict(self), "found": len(self.found)}


def run(
    scenario: Scenario, server: Server, folder: Path, *, seed: int, inspections: int, parts: Parts | None = None
) -> Report:
    """`folder` keeps the history. The database must be migrated and empty. `parts` is a planted bug."""
    start = time.monotonic()
    world = World(
        server,
        folder,
        seed,
        quota=inspections // 4,
        versions=scenario.versions if parts is None else (parts,),
        skews_s=scenario.skews_s,
        lease_s=scenario.lease_s,
        wanted=inspections,
    )
    clients = [Client(world, client_id, inspections // len(CLIENTS)) for client_id in CLIENTS]
    with world.cleanup, photos_remembered(), nothing_logged():
        with scenario.fault(world):
            world.start()
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            outlast(world)
        heal(world)
        drain(world)
        for client in clients:
            client.look_at_all()
        world.stop()
        evidence = collect(folder / "history.jsonl", world.direct, world.endpoint.calls.judged_on)
        found = check(evidence) + [f"{scenario.name}: {each}" for each in scenario.also(world, evidence)]
        return _report(scenario, world, evidence, found, time.monotonic() - start)


def outlast(world: World) -> None:
    """The fault lasts until the workers have done with what was asked, or have long had time for it."""
    give_up = time.monotonic() + LEAST_FAULT_S + world.wanted * FAULT_S_EACH
    while time.monotonic() < give_up:
        with suppress(Unavailable):  # that may be the fault
            if not world.unfinished():
                return
        time.sleep(0.05)


def heal(world: World) -> None:
    """No fault is left; who waits for a fault of its own to come meets it once more at most."""
    world.kills.workers = world.kills.fronts = ()
    world.messages.delivery = Delivery()
    world.endpoint.behaviour = Behaviour()
    world.store.failing = 0.0
    world.receivers.down = frozenset()


def drain(world: World) -> None:
    """Until everything is final and every queue is empty. Where nothing moves any more, time goes by, as it would
    for messages that were lost and workers that are dead; at most ROUNDS times."""
    for _ in range(ROUNDS):
        give_up, still_since, before = time.monotonic() + ROUND_S, time.monotonic(), -1
        while time.monotonic() < give_up:
            unfinished, idle = world.unfinished(), world.messages.idle()
            if not unfinished and idle:
                return
            if unfinished != before or not idle:
                still_since, before = time.monotonic(), unfinished
            if time.monotonic() - still_since > QUIET_S:
                break
            time.sleep(0.05)
        world.pass_time(HALF_A_DAY)


@contextmanager
def photos_remembered() -> Iterator[None]:
    """Judging and preparing a photo depend on its bytes alone, and the same few come again and again."""
    before = {name: getattr(precheck, name) for name in ("analyse", "prepare")}
    for name, function in before.items():
        setattr(precheck, name, functools.cache(function))
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(precheck, name, function)


@contextmanager
def nothing_logged() -> Iterator[None]:
    """Metrics belong to a process of one thread; log lines of faults that were asked for help nobody."""
    provider, level = metrics.provider, logger.log_level
    metrics.provider = NoMetrics()  # type: ignore[assignment]
    logger.setLevel("CRITICAL")
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"
    try:
        yield
    finally:
        del os.environ["POWERTOOLS_METRICS_DISABLED"]
        metrics.provider = provider
        with suppress(ValueError):
            logger.setLevel(level)


def _report(scenario: Scenario, world: World, evidence: Evidence, found: list[str], took_s: float) -> Report:
    ends = Counter(row["state"] for row in evidence.requests)
    results = Counter(row["inspection_id"] for row in (*evidence.results, *evidence.failures))
    unfinished = {row["inspection_id"] for row in evidence.requests if row["state"] not in VERDICTS | FAILURES}
    unknown = told_ids(evidence.history) - {row["inspection_id"] for row in evidence.requests}
    return Report(
        scenario=scenario.name,
        seed=world.seed,
        accepted=len(evidence.requests),
        posts=sum(entry["kind"] == "asked" for entry in evidence.history),
        deliveries=world.deliveries,
        endpoint_calls=len(evidence.judged_on),
        swept=world.swept,
        killed=world.kills.points.total(),
        dead_letters=len(world.messages.dead_letters()),
        verdicts=sum(ends[state] for state in VERDICTS),
        rejected=ends["rejected"],
        cancelled=ends["cancelled"],
        errors=ends["error"],
        duplicates=sum(count > 1 for count in results.values()) + len(world.endpoint.calls.repeated),
        losses=len(unfinished | unknown),
        took_s=round(took_s, 1),
        found=tuple(found),
    )
