"""The endpoint's container as a plain process: what runs beside a GPU in production runs here on the CPU."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from scrutineer.local.errors import StartFailed
from scrutineer.local.ports import HOST, free_port
from scrutineer.local.processes import Processes


class Container:
    """`python -m server` in `source`, with the model in `model_dir`; always on the same port."""

    def __init__(
        self,
        source: Path,
        model_dir: Path,
        *,
        processes: Processes,
        log_path: Path,
        environment: Mapping[str, str],
        start_limit_s: float,
    ) -> None:
        self._source = source
        self._model_dir = model_dir
        self._processes = processes
        self._log_path = log_path
        self._environment = environment
        self._start_limit_s = start_limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Returns when `/ping` answers 200, which is when the model is loaded."""
        with open(self._log_path, "ab") as log:
            self._process = self._processes.start(
                [sys.executable, "-m", "server"],
                cwd=self._source,
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "HOME": str(self._log_path.parent),
                    "LANG": "C.UTF-8",
                    "PYTHONPATH": str(self._source),
                    "PYTHONUNBUFFERED": "1",
                    "MODEL_DIR": str(self._model_dir),
                    "HOST": HOST,
                    "PORT": str(self.port),
                    **self._environment,
                },
                output=log,
            )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        if self._process:
            self._processes.end(self._process, grace_s=5)
            self._process = None

    def kill(self) -> None:
        if self._process:
            self._processes.end(self._process, grace_s=0)
            self._process = None

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        start = time.monotonic()
        with httpx.Client(base_url=self.url, timeout=2, trust_env=False) as client:
            while True:
                try:
                    if client.get("/ping").status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                now = time.monotonic()
                if process.poll() is not None:
                    raise StartFailed(f"the endpoint container ended while starting; see {self._log_path}")
                if now - start > self._start_limit_s:
                    raise StartFailed(
                        f"the endpoint container was not ready within {self._start_limit_s:.0f} s; see {self._log_path}"
                    )
                time.sleep(0.05)
