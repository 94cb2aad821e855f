"""The real process, started as the container starts it, around a tiny real checkpoint."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[4] / "endpoint_container"
# The process as it is, but around a fake whose runs take as long as the test wants.
SLOW_SERVER = """
import os, sys
from server.process import leave, run
from server.settings import Settings
from tests.unit.endpoint_container.fakes import TakesItsTime
leave(run(Settings.from_mapping(os.environ), lambda: TakesItsTime(float(sys.argv[1]))))
"""
# The same around a fake that writes a letter in so many seconds.
WRITING_SERVER = """
import os, sys
from server.process import leave, run
from server.settings import Settings
from tests.unit.endpoint_container.fake_writers import Letters, Writes
leave(run(Settings.from_mapping(os.environ), lambda: Writes(Letters(step_s=float(sys.argv[1])))))
"""
Launch = Callable[..., tuple["subprocess.Popen[bytes]", str]]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Starts `python -m server` on a free port of 127.0.0.1; its output goes to tmp_path/log."""
    started = []

    def launch(
        model_dir: Path, command: tuple[str, ...] = ("-m", "server"), drain_timeout_s: int = 25
    ) -> tuple["subprocess.Popen[bytes]", str]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {
            "PATH": os.environ["PATH"],
            "MODEL_DIR": str(model_dir),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "THREADS": "1",
            "DRAIN_TIMEOUT_S": str(drain_timeout_s),
            "PYTHONPATH": os.pathsep.join([str(SOURCE), str(SOURCE.parent)]),
        }
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen([sys.executable, *command], cwd=SOURCE, env=environment, stdout=log, stderr=log)
        started.append(process)
        return process, f"http://127.0.0.1:{port}"

    yield launch
    for process in started:
        process.kill()
        process.wait()


def test_the_process_serves_and_stops(launch: Launch, checkpoint: Path, body: dict[str, Any], tmp_path: Path) -> None:
    process, url = launch(checkpoint)
    slowest_s = wait_until(url, "READY")
    assert slowest_s < 2

    status, content = fetch(f"{url}/invocations", body)
    assert status == 200
    assert [answer["id"] for answer in content["answers"]] == ["damaged", "kind"]
    assert content["model"]["name"] == "tiny-internvl"

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0

    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert {"starting", "loaded", "invocation", "stopped"} <= {line["event"] for line in lines}
    assert body["photos"][0]["data"][:40] not in str(lines)


def test_a_folder_without_a_model_is_setup_failed(launch: Launch, tmp_path: Path) -> None:
    process, url = launch(tmp_path, command=("serve", "serve"))
    wait_until(url, "SETUP_FAILED")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert "config.json: cannot be read" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(("run_s", "status"), [(1.0, 200), (60.0, 503)])
def test_sigterm_waits_for_what_runs_but_not_for_ever(
    launch: Launch, body: dict[str, Any], tmp_path: Path, run_s: float, status: int
) -> None:
    process, url = launch(tmp_path, command=("-c", SLOW_SERVER, str(run_s)), drain_timeout_s=2)
    wait_until(url, "READY")
    with ThreadPoolExecutor() as callers:
        call = callers.submit(fetch, f"{url}/invocations", body)
        wait_until(url, "BUSY")
        started = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert time.perf_counter() - started < 5
        assert call.result()[0] == status
    with pytest.raises(urllib.error.URLError):
        fetch(f"{url}/ping")


@pytest.mark.parametrize(("letters", "last"), [(40, "description"), (500, "error")])
def test_sigterm_waits_for_a_stream_but_not_for_ever(
    launch: Launch, body: dict[str, Any], tmp_path: Path, letters: int, last: str
) -> None:
    process, url = launch(tmp_path, command=("-c", WRITING_SERVER, "0.02"), drain_timeout_s=2)
    wait_until(url, "READY")
    with urllib.request.urlopen(describe(url, body, letters), timeout=20) as response:
        first = json.loads(response.readline())
        process.send_signal(signal.SIGTERM)
        lines = [json.loads(line) for line in response]
    assert process.wait(timeout=10) == 0
    assert first == {"text": "a"}
    assert last in lines[-1]
    if last == "error":
        assert lines[-1]["error"]["code"] == "not_ready"
    else:
        assert len(lines) == letters


def test_who_closes_the_connection_in_the_middle_frees_the_slot(
    launch: Launch, body: dict[str, Any], tmp_path: Path
) -> None:
    _, url = launch(tmp_path, command=("-c", WRITING_SERVER, "0.02"))
    wait_until(url, "READY")
    with urllib.request.urlopen(describe(url, body, 500), timeout=20) as response:
        assert json.loads(response.readline()) == {"text": "a"}
        assert slots_in_use(url) == 1
    closed = time.perf_counter()
    wait_until(url, "READY", passing=("BUSY",))
    # All 500 letters would take 10 s.
    assert time.perf_counter() - closed < 5
    assert slots_in_use(url) == 0


def test_wrong_settings_and_arguments_end_the_process() -> None:
    for arguments, environment in [(["train"], {}), (["serve"], {"PORT": "http"})]:
        process = subprocess.run(
            [sys.executable, "serve", *arguments], cwd=SOURCE, env=environment, capture_output=True, timeout=20
        )
        assert process.returncode in (1, 2)
        assert b"Traceback" not in process.stdout + process.stderr


def describe(url: str, body: dict[str, Any], letters: int) -> urllib.request.Request:
    """A streamed caption of so many letters."""
    wanted = {"task": "describe", "kind": "caption", "photos": body["photos"], "max_new_tokens": letters}
    data = json.dumps({**wanted, "stream": True}).encode()
    return urllib.request.Request(f"{url}/invocations", data, {"content-type": "application/json"})


def slots_in_use(url: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=20) as response:
        found = next(line for line in response if line.startswith(b"endpoint_slots_in_use "))
    return float(found.split()[1])


def wait_until(url: str, state: str, passing: tuple[str, ...] = ("STARTING", "READY")) -> float:
    """Ping until the state is reached; returns the slowest ping in seconds once the port is open."""
    deadline, slowest_s = time.perf_counter() + 60, 0.0
    while time.perf_counter() < deadline:
        started = time.perf_counter()
        try:
            _, content = fetch(f"{url}/ping")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
            continue
        slowest_s = max(slowest_s, time.perf_counter() - started)
        if content["state"] == state:
            return slowest_s
        assert content["state"] in passing
        time.sleep(0.05)
    raise AssertionError(f"{url} did not become {state}")


def fetch(url: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Status and JSON content of a GET, or of a POST of `body`."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
