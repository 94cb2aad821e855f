"""One Lambda execution environment: a real `awslambdaric` process behind a Runtime API of its own."""

import queue
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scrutineer.local.processes import Processes
from scrutineer.local.runtime_api import Completion, Invocation, RuntimeApi, error_payload, new_trace_id
from scrutineer.local.template_model import FunctionSpec

INIT_LIMIT_S = 10.0
WATCH_S = 0.05


@dataclass(frozen=True)
class Report:
    """What Lambda prints in its REPORT line."""

    request_id: str
    duration_s: float
    init_s: float | None
    peak_memory_mb: int | None


class Slot:
    """Serves one invocation at a time. After a timeout, a crash or a too large answer it is spent: `alive` is False."""

    def __init__(
        self, spec: FunctionSpec, *, python: str, environment: Mapping[str, str], processes: Processes, log: IO[bytes]
    ) -> None:
        self._spec = spec
        self._processes = processes
        self._log = log
        self._api = RuntimeApi()
        self._init_failure: Completion | None = None
        self._initialised = False
        self._init_reported = False
        self._failure_told = False
        self._started = time.monotonic()
        self.invocations = 0
        self.process = processes.start(
            [python, "-m", "awslambdaric", spec.handler],
            cwd=spec.code_dir,
            env={**environment, "AWS_LAMBDA_RUNTIME_API": self._api.address},
            output=log,
        )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def usable(self) -> bool:
        """Whether the next invocation should go here: a failed import is kept until it has been told."""
        return self.alive if self._init_failure is None else not self._failure_told

    def initialise(self) -> None:
        """Blocks until the process has imported its handler, or failed to, which `invoke` then reports."""
        if not self._initialised:
            self._init_failure = self._wait_for_init()
            self._initialised = True

    def invoke(self, payload: bytes) -> Completion:
        """Blocks until the function answered, failed, died or ran past its timeout."""
        request_id = str(uuid.uuid4())
        self.initialise()
        if self._init_failure is not None:
            self._failure_told = True
            return self._init_failure
        init_s = None if self._init_reported else self._api.ready_at - self._started
        self._init_reported = True
        self._write(f"START RequestId: {request_id} Version: {self._spec.version}")
        start = time.monotonic()
        self._api.submit(
            Invocation(request_id, payload, time.time() + self._spec.timeout_s, self._spec.arn, new_trace_id())
        )
        completion = self._wait_for_completion(request_id, start + self._spec.timeout_s)
        self.invocations += 1
        peak_memory_mb = peak_memory(self.process.pid)
        if peak_memory_mb is not None and peak_memory_mb > self._spec.memory_mb and not completion.slot_is_spent:
            # The high-water mark is exact, so a peak between two looks is seen here, where Lambda would have killed it.
            completion = self._out_of_memory(request_id)
        self._report(Report(request_id, time.monotonic() - start, init_s, peak_memory_mb))
        if completion.slot_is_spent:
            self.stop()
        return completion

    def stop(self) -> None:
        self._processes.end(self.process, grace_s=0)
        self._api.close()

    def _wait_for_init(self) -> Completion | None:
        # Lambda gives init 10 s and, when that is not enough, repeats it under the function's own timeout.
        give_up = self._started + INIT_LIMIT_S + self._spec.timeout_s
        while not self._api.ready.wait(WATCH_S):
            if not self.alive:
                return Completion(self._exit_error(""), "Unhandled", slot_is_spent=True)
            if time.monotonic() > give_up:
                return Completion(error_payload("Sandbox.Timedout", "Init timed out"), "Unhandled", slot_is_spent=True)
        if self._api.init_error is not None:
            return Completion(self._api.init_error, "Unhandled", slot_is_spent=True)
        return None

    def _wait_for_completion(self, request_id: str, deadline: float) -> Completion:
        while True:
            remaining_s = deadline - time.monotonic()
            try:
                answered_id, completion = self._api.completions.get(timeout=max(0.001, min(WATCH_S, remaining_s)))
                if answered_id == request_id:
                    return completion
                continue
            except queue.Empty:
                pass
            if not self.alive:
                return Completion(self._exit_error(request_id), "Unhandled", slot_is_spent=True)
            if time.monotonic() >= deadline:
                return self._timed_out(request_id)
            used_mb = peak_memory(self.process.pid)
            if used_mb is not None and used_mb > self._spec.memory_mb:
                return self._out_of_memory(request_id)

    def _timed_out(self, request_id: str) -> Completion:
        message = f"RequestId: {request_id} Error: Task timed out after {self._spec.timeout_s:.2f} seconds"
        self._write(message)
        return Completion(error_payload("Sandbox.Timedout", message), "Unhandled", slot_is_spent=True)

    def _out_of_memory(self, request_id: str) -> Completion:
        message = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
        self._write(message + f" (more than {self._spec.memory_mb} MB of memory)")
        return Completion(error_payload("Runtime.OutOfMemory", message), "Unhandled", slot_is_spent=True)

    def _exit_error(self, request_id: str) -> bytes:
        code = self.process.wait()
        how = f"signal: {-code}" if code < 0 else f"exit status {code}"
        message = f"RequestId: {request_id} Error: Runtime exited with error: {how}"
        self._write(message)
        return error_payload("Runtime.ExitError", message)

    def _report(self, report: Report) -> None:
        init = f"\tInit Duration: {report.init_s * 1000:.2f} ms" if report.init_s is not None else ""
        used = f"\tMax Memory Used: {report.peak_memory_mb} MB" if report.peak_memory_mb is not None else ""
        self._write(f"END RequestId: {report.request_id}")
        self._write(
            f"REPORT RequestId: {report.request_id}\tDuration: {report.duration_s * 1000:.2f} ms"
            f"\tMemory Size: {self._spec.memory_mb} MB{used}{init}"
        )

    def _write(self, line: str) -> None:
        # The pool closes the log when the stack stops, which may be in the middle of an invocation.
        if not self._log.closed:
            self._log.write(line.encode() + b"\n")


def peak_memory(pid: int) -> int | None:
    """The largest resident set of the process so far in MB; None where there is no /proc (macOS) or it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return None
