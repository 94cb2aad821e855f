"""The child processes of the stack: each in its own group, each ended even if the stack is killed."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

GUARDIAN = Path(__file__).with_name("guardian.py")


class Processes:
    """Starts children and remembers them, here and in the guardian process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARDIAN)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def start(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], output: IO[bytes] | int
    ) -> subprocess.Popen[bytes]:
        """Starts `command` as the leader of a process group of its own; both its outputs go to `output`.

        Raises `OSError` if it cannot, or if the stack is stopping.
        """
        with self._lock:
            if self._closed:
                raise ProcessLookupError("the stack is stopping")
            process = subprocess.Popen(
                list(command),
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A Ctrl-C goes to the terminal's foreground group: only the stack is to hear it, and it stops the rest.
                start_new_session=True,
            )
            self._running[process.pid] = process
            self._tell(f"add {process.pid}")
        return process

    def end(self, process: subprocess.Popen[bytes], *, grace_s: float) -> None:
        """SIGTERM to the group, SIGKILL after `grace_s` seconds (at once for 0); returns when the process is reaped."""
        if process.poll() is None and grace_s > 0:
            _signal_group(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace_s)
        # Never signal a process that is already reaped: its number may be a stranger's by now.
        if process.poll() is None:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
        self.forget(process)

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """Call when `process` has been reaped: its number may go to a stranger."""
        with self._lock:
            if self._running.pop(process.pid, None):
                self._tell(f"remove {process.pid}")

    def remove_folder_at_end(self, folder: Path) -> None:
        with self._lock:
            self._tell(f"folder {folder}")

    def close(self) -> None:
        """Ends whatever still runs, then the guardian."""
        with self._lock:
            self._closed = True
            running = list(self._running.values())
        for process in running:
            self.end(process, grace_s=0)
        if self._guardian.stdin:
            self._guardian.stdin.close()
        self._guardian.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _tell(self, line: str) -> None:
        assert self._guardian.stdin is not None
        try:
            self._guardian.stdin.write(line.encode() + b"\n")
            self._guardian.stdin.flush()
        except BrokenPipeError:
            # The guardian was killed; the ordinary stop still ends everything.
            pass


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
