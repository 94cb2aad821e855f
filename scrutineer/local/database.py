"""A private MariaDB: its own data folder, a free port of 127.0.0.1, and no trace on the machine."""

import dataclasses
import getpass
import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pymysql

from scrutineer.database_address import Connection
from scrutineer.local.errors import DatabaseUnavailable, StartFailed
from scrutineer.local.mariadb_binaries import Binaries, find_binaries
from scrutineer.local.ports import HOST, free_port
from scrutineer.local.processes import Processes

NAME = "scrutineer"
# As in AWS: one user owns the tables and may make others, the functions' user is made by the migrations.
OWNER, APPLICATION = "scrutineerowner", "scrutineer_app"
PASSWORD = "scrutineer"
SETUP = (
    f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4",
    f"CREATE USER {OWNER}@'%' IDENTIFIED BY '{PASSWORD}'",
    f"GRANT CREATE USER ON *.* TO {OWNER}@'%'",
    f"GRANT ALL ON {NAME}.* TO {OWNER}@'%' WITH GRANT OPTION",
    # Tests make databases of their own beside it.
    f"GRANT ALL ON `{NAME}\\_%`.* TO {OWNER}@'%' WITH GRANT OPTION",
)


class Database:
    """Starts, stops, kills and restarts one MariaDB, always on the same port.

    `durable` flushes at every commit, as production does; without it a commit survives a killed process but not a
    failed machine, which is enough for tests and three times as fast.
    """

    def __init__(
        self, folder: Path, *, cache: Path, processes: Processes, log_path: Path, durable: bool = False
    ) -> None:
        self._folder = folder
        self._cache = cache
        self._processes = processes
        self._log_path = log_path
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._binaries: Binaries | None = None
        self.connection = Connection(HOST, free_port(), OWNER, PASSWORD, NAME)
        """The owner's."""

    @property
    def application(self) -> Connection:
        """The functions'. Their user is there once the database was brought up to date (`migrations.py`)."""
        return dataclasses.replace(self.connection, user=APPLICATION)

    @property
    def data(self) -> Path:
        """The data folder: copy it while the server is stopped, and give the copy to another `Database`."""
        return self._folder / "data"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Returns when it answers queries. Makes the data folder first if there is none."""
        binaries = self._binaries = self._binaries or find_binaries(self._cache)
        if not self.data.exists():
            shutil.copytree(self._prepared(binaries), self.data)
        self._process = self._run(binaries, self.data)
        self._wait_until_up(self._process)

    def stop(self) -> None:
        if self._process:
            self._processes.end(self._process, grace_s=10)
            self._process = None

    def kill(self) -> None:
        """As a power cut would: SIGKILL, no flush."""
        if self._process:
            self._processes.end(self._process, grace_s=0)
            self._process = None

    def pause(self) -> None:
        """Freezes the server: connections stay open and get no answer."""
        if self._process:
            os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        if self._process:
            os.kill(self._process.pid, signal.SIGCONT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _prepared(self, binaries: Binaries) -> Path:
        """A fresh data folder with the owner and the database, made once a machine and then only copied (44 ms)."""
        version = subprocess.run(
            [binaries.server, "--no-defaults", "--version"],
            capture_output=True,
            text=True,
            env={**os.environ, **binaries.environment},
            check=False,
        )
        if version.returncode != 0:
            raise DatabaseUnavailable(f"{binaries.server} does not run: {version.stderr.strip()}")
        release = version.stdout.split("Ver", 1)[-1].split()[0]
        setup = hashlib.sha256("\n".join(SETUP).encode()).hexdigest()[:8]
        prepared = self._cache / f"mariadb-data-{release}-{setup}"
        if not prepared.exists():
            fresh = self._cache / f"mariadb-data-{os.getpid()}"
            shutil.rmtree(fresh, ignore_errors=True)
            try:
                self._install(binaries, fresh)
                fresh.rename(prepared)
            except OSError:
                if not prepared.exists():
                    raise
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
        return prepared

    def _install(self, binaries: Binaries, folder: Path) -> None:
        folder.mkdir(parents=True)
        done = subprocess.run(
            [
                binaries.install,
                "--no-defaults",
                f"--basedir={binaries.base}",
                f"--datadir={folder}",
                f"--user={getpass.getuser()}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
                "--innodb-log-file-size=16M",
            ],
            capture_output=True,
            text=True,
            env={**os.environ, **binaries.environment},
            check=False,
        )
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            raise DatabaseUnavailable(f"MariaDB could not make its data folder: {lines[-1]}")
        process = self._run(binaries, folder)
        try:
            self._wait_until_up(process, user="root", password="", name="mysql")
            connection = pymysql.connect(host=HOST, port=self.connection.port, user="root")
            with connection, connection.cursor() as cursor:
                for statement in SETUP:
                    cursor.execute(statement)
        finally:
            self._processes.end(process, grace_s=10)

    def _run(self, binaries: Binaries, data: Path) -> subprocess.Popen[bytes]:
        flush = "1" if self._durable else "2"
        with open(self._log_path, "ab") as log:
            return self._processes.start(
                [
                    str(binaries.server),
                    "--no-defaults",
                    f"--basedir={binaries.base}",
                    f"--datadir={data}",
                    # MariaDB refuses to run as root unless told so.
                    f"--user={getpass.getuser()}",
                    f"--bind-address={HOST}",
                    f"--port={self.connection.port}",
                    "--socket=socket",  # in the data folder, whose whole path may be longer than a socket's may be
                    f"--pid-file={data}/pid",
                    "--character-set-server=utf8mb4",
                    "--collation-server=utf8mb4_unicode_ci",
                    "--default-time-zone=+00:00",
                    "--skip-name-resolve",
                    "--skip-log-bin",
                    "--sql-mode=STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
                    "--transaction-isolation=REPEATABLE-READ",
                    f"--innodb-flush-log-at-trx-commit={flush}",
                    "--innodb-buffer-pool-size=64M",
                    "--innodb-log-file-size=16M",
                    "--max-connections=300",
                    "--max-allowed-packet=64M",
                    "--performance-schema=OFF",
                ],
                cwd=data,
                env={**os.environ, **binaries.environment},
                output=log,
            )

    def _wait_until_up(
        self, process: subprocess.Popen[bytes], *, user: str = OWNER, password: str = PASSWORD, name: str = NAME
    ) -> None:
        give_up = time.monotonic() + 30
        while True:
            try:
                pymysql.connect(
                    host=HOST, port=self.connection.port, user=user, password=password, database=name
                ).close()
                return
            except pymysql.err.OperationalError as error:
                if process.poll() is not None:
                    raise StartFailed(f"MariaDB ended while starting; see {self._log_path}") from error
                if time.monotonic() > give_up:
                    raise StartFailed(f"MariaDB does not answer: {error}; see {self._log_path}") from error
            time.sleep(0.02)
