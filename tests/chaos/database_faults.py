"""What can go wrong with MySQL, each fault coming and going by itself."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pymysql

from tests.chaos.clients import CLIENTS
from tests.chaos.proxy import CommitCutter
from tests.chaos.world import World

OUTAGE_S = 1.0
FEWEST_CONNECTIONS = 10  # MariaDB takes no smaller limit
CUT_SHARE = 0.25


@contextmanager
def now_and_then(world: World, fault: Callable[[], None], times: int = 2) -> Iterator[None]:
    """`fault` comes and goes `times` times, spread over the clients' lists."""

    def run() -> None:
        for number in range(times):
            world.until_asked((number + 0.5) / times)
            fault()

    thread = threading.Thread(target=run, name="fault")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def stopped(world: World) -> None:
    """An orderly stop, and a start after a while."""
    world.server.stop()
    time.sleep(OUTAGE_S)
    world.server.start()


def killed(world: World) -> None:
    """As a power cut."""
    world.server.kill()
    time.sleep(OUTAGE_S / 2)
    world.server.start()


def read_only(world: World) -> None:
    """As after a failover, when a connection still leads to the old writer: error 1290."""
    with world.root() as root, root.cursor() as cursor:
        cursor.execute("SET GLOBAL read_only = 1")
        time.sleep(OUTAGE_S)
        cursor.execute("SET GLOBAL read_only = 0")


def crowded_out(world: World) -> None:
    """Every connection but the operator's is taken, and the processes lose theirs."""
    with world.root() as root, root.cursor() as cursor, ExitStack() as hogs:
        cursor.execute("SET GLOBAL max_connections = %s", (FEWEST_CONNECTIONS,))
        end = time.monotonic() + OUTAGE_S
        taken: set[int] = set()
        while time.monotonic() < end:
            with suppress(pymysql.err.OperationalError):  # 1040: full
                while True:
                    hog = hogs.enter_context(world.server.application.open())
                    taken.add(hog.thread_id())
            cursor.execute("SELECT id FROM information_schema.processlist WHERE user = %s", (world.direct.user,))
            for (thread_id,) in cursor.fetchall():
                if thread_id not in taken:
                    with suppress(pymysql.err.OperationalError):  # gone already
                        cursor.execute(f"KILL {thread_id}")
            time.sleep(0.02)
        cursor.execute("SET GLOBAL max_connections = 300")


@contextmanager
def deadlocks(world: World) -> Iterator[None]:
    """Somebody locks rows in the other order all the time: usage first, inspections after; and others must wait no
    longer than a second for a lock (1205)."""
    done = threading.Event()
    thread = threading.Thread(target=_lock_backwards, args=(world, done), name="saboteur")
    with world.root() as root, root.cursor() as cursor:
        cursor.execute("SET GLOBAL innodb_lock_wait_timeout = 1")
        before = _deadlocks(cursor)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            world.faults_seen += _deadlocks(cursor) - before
            cursor.execute("SET GLOBAL innodb_lock_wait_timeout = 50")


def _lock_backwards(world: World, done: threading.Event) -> None:
    draw = random.Random(world.seed)
    with world.server.connection.open() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE weight (n INT) ENGINE = InnoDB")
        while not done.wait(draw.uniform(0, 0.02)):
            with suppress(pymysql.err.OperationalError):  # sometimes it is the one that is rolled back
                connection.begin()
                # InnoDB ends the transaction that has changed least; this one has changed a lot.
                cursor.execute("INSERT INTO weight VALUES " + ", ".join(["(1)"] * 50))
                cursor.execute(
                    "UPDATE client_usage SET running = running WHERE client_id = %s", (draw.choice(CLIENTS),)
                )
                time.sleep(0.005)
                cursor.execute(
                    "UPDATE rvpxbverification_request_data SET updated_at = updated_at"
                    " WHERE state IN ('accepted', 'prechecked', 'inferred')"
                )
            connection.rollback()


def _deadlocks(cursor: "pymysql.cursors.Cursor") -> int:
    cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
    row = cursor.fetchone()
    assert row is not None
    return int(row[1])


@contextmanager
def commits_cut(world: World) -> Iterator[None]:
    """A share of COMMITs is carried out and never answered."""
    cutter = CommitCutter(world.direct.host, world.direct.port, world.seed)
    world.through(cutter.port)
    world.cleanup.callback(cutter.close)
    cutter.share = CUT_SHARE
    try:
        yield
    finally:
        cutter.share = 0.0
        world.faults_seen += cutter.cut
