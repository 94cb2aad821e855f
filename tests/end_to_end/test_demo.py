"""`scrutineer demo` and `scrutineer up` as processes of their own: the first thing that anybody runs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from scrutineer.local.settings import ROOT, default_cache

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.environ.get("HOME", "/"),
    "COLUMNS": "100",
    "SCRUTINEER_CACHE": str(default_cache()),
}


def test_the_demo_passes_fails_and_rejects_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scrutineer", "demo"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT | {"TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    places = [done.stdout.index(f" {state} ") for state in ("PASSED", "FAILED", "REJECTED")]
    assert places == sorted(places)
    assert "Photo 3: The photo is blurred." in " ".join(done.stdout.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == []


def test_up_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "scrutineer", "up", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT | {"TMPDIR": str(tmp_path)},
        cwd=tmp_path,
    ) as process:
        note = tmp_path / ".local" / "stack.json"
        end = time.monotonic() + 90
        while not note.exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        running = json.loads(note.read_text())
        answer = httpx.get(
            f"{running['url']}/v1/inspections", headers={"x-api-key": running["key"]}, timeout=30, trust_env=False
        )
        assert answer.json() == {"inspections": [], "next_cursor": None}
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        told = process.stdout.read()
        assert process.wait(30) == 0
    assert "curl -s" in told
    assert "Stopping." in told
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != ".local"] == []
    assert list((tmp_path / ".local").iterdir()) == []


def test_the_events_photos_are_there() -> None:
    assert len(list((ROOT / "events" / "photos").glob("*.jpg"))) == 9
