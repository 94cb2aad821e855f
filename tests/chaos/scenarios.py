"""Every fault by its name: what goes wrong while the clients ask, what is promised, and what must hold beyond that."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from core.identifiers import new_identifier
from core.lanes import Lane
from tests.chaos import database_faults
from tests.chaos.clocks import skewed_clocks
from tests.chaos.evidence import Evidence
from tests.chaos.messages import QUEUED, Delivery
from tests.chaos.receivers import address
from tests.chaos.surroundings import Behaviour
from tests.chaos.versions import BEFORE_LANES, FROM_A_LATER_VERSION
from tests.chaos.world import CLIENTS, DEATHS, FREEZING, World
from tests.fakes.pipeline import Parts

SKEW_S = 600.0
CALM_LEASE_S = 10
HOURS_DOWN = 8
UNHURRIED = Behaviour(slow_s=0.1)  # time for two to meet at one inspection, even where every commit is slow
ENOUGH_FOR_EVERY_POINT = 300


@dataclass(frozen=True)
class Scenario:
    """`fault` lasts while clients ask; `also` is what must hold besides the invariants."""

    name: str
    promise: str
    fault: Callable[[World], AbstractContextManager[None]]
    also: Callable[[World, Evidence], Iterator[str]]
    versions: tuple[Parts, ...] = (Parts(),)
    skews_s: tuple[float, ...] = (0.0,)
    lease_s: int = 1


@contextmanager
def workers_killed(world: World) -> Iterator[None]:
    world.kills.workers = DEATHS
    yield


@contextmanager
def workers_frozen(world: World) -> Iterator[None]:
    world.kills.workers = FREEZING
    yield


@contextmanager
def fronts_killed(world: World) -> Iterator[None]:
    world.kills.fronts = DEATHS
    yield


@contextmanager
def receiver_down(world: World) -> Iterator[None]:
    """For eight hours: the database's moments are moved while it is down, an hour at a time."""
    world.receivers.down = frozenset({address(CLIENTS[0])})
    yield
    for _ in range(HOURS_DOWN):
        while world.due():
            time.sleep(0.02)
        world.pass_time(1)
    world.others_waited = sum(1 for (url, _), _ in world.receivers.taken.items() if url != address(CLIENTS[0]))
    world.receivers.down = frozenset()


@contextmanager
def clocks_apart(world: World) -> Iterator[None]:
    world.messages.delivery = Delivery(copies=3)
    world.endpoint.behaviour = UNHURRIED
    with skewed_clocks():
        yield


def delivering(delivery: Delivery) -> Callable[[World], AbstractContextManager[None]]:
    @contextmanager
    def fault(world: World) -> Iterator[None]:
        world.messages.delivery = delivery
        if delivery.copies > 1:
            world.endpoint.behaviour = UNHURRIED
        yield

    return fault


def endpoint(behaviour: Behaviour) -> Callable[[World], AbstractContextManager[None]]:
    @contextmanager
    def fault(world: World) -> Iterator[None]:
        world.endpoint.behaviour = behaviour
        yield

    return fault


def database(fault: Callable[[World], None]) -> Callable[[World], AbstractContextManager[None]]:
    return lambda world: database_faults.now_and_then(world, lambda: fault(world))


@contextmanager
def poison(world: World) -> Iterator[None]:
    unknown = json.dumps({"inspection_id": new_identifier("insp")})
    for state in QUEUED:
        for body in ("not JSON", "[]", '{"inspection_id": 7}', unknown):
            world.messages.put(state, Lane.INTERACTIVE, body)
            world.poison += 1
    yield


@contextmanager
def third_photo_fails(world: World) -> Iterator[None]:
    world.store.failing = 0.3
    yield


def nothing_more(world: World, evidence: Evidence) -> Iterator[str]:
    return iter(())


def no_dead_letters(world: World, evidence: Evidence) -> Iterator[str]:
    """Waiting for something that is away burns no receive counts."""
    if found := world.messages.dead_letters():
        yield f"{len(found)} dead letters, such as {found[0]}"


def asked_once(world: World, evidence: Evidence) -> Iterator[str]:
    """Nobody died and nothing failed, so the endpoint was asked once about each inspection."""
    for inspection_id, calls in Counter(inspection_id for inspection_id, _ in evidence.judged_on).items():
        if calls > 1:
            yield f"the endpoint was asked {calls} times about {inspection_id}"
    yield from no_dead_letters(world, evidence)


def answers_kept(world: World, evidence: Evidence) -> Iterator[str]:
    """Killed at every side effect there is; and an answer that is in the bucket is not asked for again."""
    yield from everywhere_killed(world, evidence)
    if world.endpoint.calls.repeated:
        yield f"the endpoint was asked again about {world.endpoint.calls.repeated}"


def everywhere_killed(world: World, evidence: Evidence) -> Iterator[str]:
    """Of a long run only: a short one has not deaths enough."""
    if world.wanted >= ENOUGH_FOR_EVERY_POINT and (missing := world.kills.missing()):
        yield f"nobody was killed {', '.join(missing)}"


def all_delivered(world: World, evidence: Evidence) -> Iterator[str]:
    """To the one that was down once it was back, and to the others meanwhile; nothing is given up within 8 h."""
    addresses = {row["endpoint_id"]: row["client_id"] for row in evidence.endpoints}
    for row in evidence.deliveries:
        if row["state"] != "delivered":
            yield f"{row['inspection_id']} is {row['state']} for {row['endpoint_id']}"
    others = sum(addresses[row["endpoint_id"]] != CLIENTS[0] for row in evidence.deliveries)
    if world.others_waited < others:
        yield f"of {others} messages to receivers that were up, {world.others_waited} were there before the other was"


def fault_froze(world: World, evidence: Evidence) -> Iterator[str]:
    if not world.kills.frozen:
        yield "nobody froze, so nothing was shown"


def poison_set_aside(world: World, evidence: Evidence) -> Iterator[str]:
    """All of the poison is among the dead letters, and nothing else."""
    if len(found := world.messages.dead_letters()) != world.poison:
        yield f"{len(found)} dead letters of {world.poison} poisonous messages"


def fault_happened(world: World, evidence: Evidence) -> Iterator[str]:
    if not world.faults_seen:
        yield "the fault never came about, so nothing was shown"


SCENARIOS = (
    Scenario(
        "calm",
        "nothing goes wrong: one call and one result each",
        lambda _: nullcontext(),
        asked_once,
        lease_s=CALM_LEASE_S,
    ),
    Scenario(
        "worker-killed",
        "its lease ends and another goes on; an answer that is kept is not asked for again",
        workers_killed,
        answers_kept,
        lease_s=2,
    ),
    Scenario("worker-frozen", "who comes back after its lease changes nothing", workers_frozen, fault_froze),
    Scenario(
        "front-killed",
        "asked again with the same key, the client gets the same inspection",
        fronts_killed,
        everywhere_killed,
    ),
    Scenario(
        "five-times-at-once",
        "one result, one charge, one call of the endpoint",
        delivering(Delivery(copies=5)),
        asked_once,
        lease_s=CALM_LEASE_S,
    ),
    Scenario(
        "reordered",
        "no step is taken back",
        delivering(Delivery(copies=2, disorder_s=0.5)),
        asked_once,
        lease_s=CALM_LEASE_S,
    ),
    Scenario("messages-lost", "the sweeper sends what nobody will move", delivering(Delivery(lost=0.2)), nothing_more),
    Scenario("poison", "ends among the dead letters and harms nobody", poison, poison_set_aside, lease_s=CALM_LEASE_S),
    Scenario(
        "endpoint-failing",
        "30 % answered 5xx: tried again, none lost, no dead letters",
        endpoint(Behaviour(failing=0.3)),
        no_dead_letters,
    ),
    Scenario(
        "endpoint-slow",
        "nothing is asked twice for being slow",
        endpoint(Behaviour(slow_s=0.2)),
        asked_once,
        lease_s=CALM_LEASE_S,
    ),
    Scenario(
        "endpoint-throttling",
        "80 % answered 429: backoff, receive counts untouched",
        endpoint(Behaviour(throttled=0.8)),
        no_dead_letters,
    ),
    Scenario(
        "endpoint-killed",
        "killed in the middle of a call: asked again, one result",
        endpoint(Behaviour(cut_off=0.3, slow_s=0.03)),
        no_dead_letters,
    ),
    Scenario(
        "database-stopped",
        "503 while it is away, nothing accepted is lost",
        database(database_faults.stopped),
        nothing_more,
    ),
    Scenario(
        "database-killed", "as a power cut: what was committed stays", database(database_faults.killed), nothing_more
    ),
    Scenario(
        "database-read-only",
        "a failover's 1290 drops the connection",
        database(database_faults.read_only),
        nothing_more,
    ),
    Scenario(
        "database-deadlocked", "1213 and 1205: the whole transaction again", database_faults.deadlocks, fault_happened
    ),
    Scenario(
        "database-crowded-out",
        "no connection to be had: 503, and work goes on after it",
        database(database_faults.crowded_out),
        nothing_more,
    ),
    Scenario(
        "commit-unanswered", "committed or not, one key is one inspection", database_faults.commits_cut, fault_happened
    ),
    Scenario("third-photo-5xx", "never judged on a part of the photos", third_photo_fails, no_dead_letters),
    Scenario(
        "receiver-down",
        "stored, tried again for days and delivered; other receivers don't wait",
        receiver_down,
        all_delivered,
    ),
    Scenario(
        "clocks-apart",
        "leases and counts by the database's clock alone",
        clocks_apart,
        asked_once,
        skews_s=(0.0, SKEW_S, -SKEW_S),
        lease_s=CALM_LEASE_S,
    ),
    Scenario(
        "two-versions",
        "the version before and this one share rows and messages",
        delivering(Delivery(extra=FROM_A_LATER_VERSION)),
        asked_once,
        versions=(Parts(), BEFORE_LANES),
        lease_s=CALM_LEASE_S,
    ),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def seed_of(scenario: Scenario, seed: int) -> int:
    """Another one for each scenario, the same at every run."""
    return random.Random(f"{seed} {scenario.name}").randrange(1_000_000)
