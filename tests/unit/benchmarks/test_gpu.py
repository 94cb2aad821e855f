"""The GPU's script on the CPU: it needs no server, and names what its budget left out."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from benchmarks.gpu_rows import PLAN, Host, Result, Row, measure, table
from benchmarks.roofline import Rates
from benchmarks.shapes import CONFIDENT_TOKENS, PLAIN_TOKENS, TINY

ROOT = Path(__file__).parents[3]
# Not to be had where the script has to run.
ABSENT = ("fastapi", "starlette", "uvicorn", "rich", "pydantic", "prometheus_client", "anyio", "httpx", "torchvision")
START = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({ABSENT!r}))
sys.argv = ["gpu", *sys.argv[1:]]
runpy.run_module("benchmarks.gpu", run_name="__main__")
"""


def test_it_needs_no_server_and_prints_its_table_last(tmp_path: Path):
    figures = tmp_path / "figures.json"
    options = ["--device", "cpu", "--repeats", "1", "--rows", "2", "--json", str(figures)]
    done = subprocess.run(
        [sys.executable, "-c", START, *options],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    content = json.loads(figures.read_text())
    first = content["rows"][0]
    assert (first["model"], first["work"]) == ("tiny", "6 photos of 3 tiles, engine, 15 at once")
    assert 0 < first["s in the model"] <= first["s in all"] * 1.5
    assert (len(content["rows"]), content["dropped"]) == (2, [])
    assert [line[:6] for line in done.stdout.strip().splitlines()[-2:]] == ["| tiny", "| tiny"]


def test_without_time_every_row_is_named_and_none_is_measured():
    host = Host(torch.device("cpu"), torch.float32, "CPU", Rates(1e9, 1e9))
    results, dropped = measure(host, "tiny", TINY, PLAN, repeats=1, deadline=time.perf_counter())
    assert results == []
    assert dropped == [f"tiny, {row}" for row in PLAN]


def test_the_engine_is_compared_with_generate_on_the_same_model_and_tiles():
    def result(row: Row, whole_s: float) -> Result:
        return Result("8B", row, whole_s, whole_s / 2, whole_s / 4, None, 0)

    rows = table(
        [
            result(Row(3, 15), 3.0),
            result(Row(3, 1, PLAIN_TOKENS), 4.0),
            result(Row(3, 1, CONFIDENT_TOKENS), 8.0),
            result(Row(1, 1), 1.0),
        ]
    )
    assert [row["× generate"] for row in rows] == ["20.0", "1.0", "0.5", ""]
    assert [row["of the roofline"] for row in rows] == ["50 %"] * 4
