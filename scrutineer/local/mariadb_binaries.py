"""Finds MariaDB's programs, or fetches them as an ordinary user: unpacked Debian packages need no root."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scrutineer.local.errors import DatabaseUnavailable

PACKAGES = ("mariadb-server-core", "mariadb-client-core")
HOW_TO = "install MariaDB 10.6 or later (Debian, Ubuntu: apt install mariadb-server-core; macOS: brew install mariadb)"
LIBRARY_FOLDERS = ("usr/lib/*-linux-gnu", "lib/*-linux-gnu")


@dataclass(frozen=True)
class Binaries:
    """`base` is the folder that holds MariaDB's `share`; `environment` is added for its programs."""

    server: Path
    install: Path
    base: Path
    environment: Mapping[str, str]


def find_binaries(cache: Path) -> Binaries:
    """Raises `DatabaseUnavailable` with what to install."""
    on_path = _on_path()
    if on_path:
        return on_path
    folder = cache / "mariadb"
    if not (folder / "usr/sbin/mariadbd").is_file():
        _fetch(folder)
    libraries = [str(path) for pattern in LIBRARY_FOLDERS for path in folder.glob(pattern)]
    return Binaries(
        server=folder / "usr/sbin/mariadbd",
        install=folder / "usr/bin/mariadb-install-db",
        base=folder / "usr",
        environment={"LD_LIBRARY_PATH": os.pathsep.join(libraries)},
    )


def _on_path() -> Binaries | None:
    # Debian keeps servers in /usr/sbin, which an ordinary user's PATH often lacks.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    server, install = shutil.which("mariadbd", path=path), shutil.which("mariadb-install-db", path=path)
    if not server or not install:
        return None
    return Binaries(Path(server), Path(install), Path(server).resolve().parent.parent, {})


def _fetch(folder: Path) -> None:
    for tool in ("apt-get", "dpkg"):
        if not shutil.which(tool):
            raise DatabaseUnavailable(f"there is no MariaDB here: {HOW_TO}")
    downloads = folder.with_name("mariadb-packages")
    unpacked = folder.with_name(f"mariadb-{os.getpid()}")
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir(parents=True)
    try:
        options = _lists(downloads)
        _run(["apt-get", *options, "download", *_missing(options)], downloads)
        for package in sorted(downloads.glob("*.deb")):
            _run(["dpkg", "-x", str(package), str(unpacked)], downloads)
        # Another process may have been faster; its copy is as good.
        with contextlib.suppress(OSError):
            unpacked.rename(folder)
    finally:
        shutil.rmtree(downloads, ignore_errors=True)
        shutil.rmtree(unpacked, ignore_errors=True)


def _lists(downloads: Path) -> list[str]:
    """apt options that find the packages: none, or private package lists where the machine's are absent."""
    if "Inst mariadb-server-core" in _simulate([]).stdout:
        return []
    options = [
        "-o",
        f"Dir::State::Lists={downloads}/lists",
        "-o",
        f"Dir::Cache={downloads}/cache",
        "-o",
        "Debug::NoLocking=1",
    ]
    for name in ("lists/partial", "cache/archives/partial"):
        (downloads / name).mkdir(parents=True)
    _run(["apt-get", *options, "update"], downloads)
    return options


def _missing(options: Sequence[str]) -> list[str]:
    """What apt would install: the programs and just those libraries that this machine lacks."""
    plan = _simulate(options).stdout
    names = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    if not names:
        raise DatabaseUnavailable(f"apt knows no {PACKAGES[0]}: {HOW_TO}")
    return names


def _simulate(options: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = ["apt-get", *options, "-s", "-qq", "--no-install-recommends", "install", *PACKAGES]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DatabaseUnavailable(f"MariaDB could not be fetched ({reason}): {HOW_TO}")
