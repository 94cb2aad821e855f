"""However a stack ends, nothing of it stays."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scrutineer.local.errors import StartFailed
from scrutineer.local.stack import LocalStack

PROGRAM = """
import json, os, sys, time
from pathlib import Path
from scrutineer.local.settings import StackSettings
from scrutineer.local.stack import LocalStack

settings = StackSettings(template=Path(sys.argv[1]), migrations=None, start_endpoint=False)
with LocalStack(settings) as stack:
    stack.invoke("EchoFunction", {})
    pids = [slot.pid for pool in stack.functions.values() for slot in pool.slots()]
    print(json.dumps({"data": str(stack.data_dir), "pids": [*pids, stack.database_server.pid]}), flush=True)
    time.sleep(60)
"""


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_leaves_nothing_behind(sample_settings, number):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(sample_settings.template)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with process:
        told = json.loads(process.stdout.readline())
        assert all(is_alive(pid) for pid in told["pids"])
        os.kill(process.pid, number)
        process.wait(15)
    give_up = time.monotonic() + 10
    while any(is_alive(pid) for pid in told["pids"]) or Path(told["data"]).exists():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_a_failed_start_says_why_and_cleans_up(sample_settings, tmp_path):
    import dataclasses

    (tmp_path / "server").mkdir()
    (tmp_path / "server/__main__.py").write_text("raise SystemExit('no model here')")
    settings = dataclasses.replace(sample_settings, container_source=tmp_path)
    stack = LocalStack(settings)
    with pytest.raises(StartFailed, match="container ended while starting"):
        stack.__enter__()
    assert not stack.data_dir.exists()


def test_a_taken_port_is_named(stack, sample_settings):
    import dataclasses

    port = int(stack.url.split(":")[2].split("/")[0])
    settings = dataclasses.replace(sample_settings, gateway_port=port, start_endpoint=False)
    with pytest.raises(StartFailed, match=f"port {port} is taken"), LocalStack(settings):
        pass
