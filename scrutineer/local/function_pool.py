"""One function and its slots: Lambda's concurrency, cold and warm starts and throttling."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scrutineer.local.errors import PayloadTooLarge, Throttled
from scrutineer.local.processes import Processes
from scrutineer.local.runtime_api import PAYLOAD_LIMIT_BYTES
from scrutineer.local.slot import Slot
from scrutineer.local.template_model import REGION, FunctionSpec

IDLE_SLOT_S = 300.0
RECHECK_S = 0.02


@dataclass(frozen=True)
class SlotInfo:
    pid: int
    busy: bool
    invocations: int


@dataclass(frozen=True)
class InvokeResult:
    """As Lambda's Invoke answers: `function_error` is None or "Unhandled"; `payload` is JSON either way."""

    payload: bytes
    function_error: str | None
    cold: bool


class FunctionPool:
    """Invokes `spec` in at most `max_slots` processes at once. Thread-safe.

    A call that finds them all busy waits up to `slot_wait_s` for one: 0 is Lambda's answer to a reserved concurrency,
    more is this machine's smallness, which Lambda does not have. `starts` is shared by all pools and bounds how many
    processes import their code at once: fifty of them on two cores would keep the warm ones from working for half a
    minute.
    """

    def __init__(
        self,
        spec: FunctionSpec,
        *,
        max_slots: int,
        slot_wait_s: float,
        starts: threading.Semaphore,
        environment: Mapping[str, str],
        python: str,
        log_path: Path,
        processes: Processes,
    ) -> None:
        self.spec = spec
        self.max_slots = max_slots
        self._slot_wait_s = slot_wait_s
        self._starts = starts
        self.log_path = log_path
        self._environment = {**reserved_environment(spec), **environment}
        self._python = python
        self._processes = processes
        # Unbuffered and in append mode: lines of the slots and of this process interleave whole.
        self._log = log_path.open("ab", buffering=0)
        self._lock = threading.Condition()
        self._free: list[tuple[float, Slot]] = []
        self._busy: set[Slot] = set()
        self._starting = 0
        self._waiting = 0
        self._start_error: str | None = None
        self._closed = False

    def invoke(self, payload: bytes) -> InvokeResult:
        """Synchronous. Raises `PayloadTooLarge` over 6 MB and `Throttled` when all slots are busy."""
        if len(payload) > PAYLOAD_LIMIT_BYTES:
            raise PayloadTooLarge(f"{self.spec.logical_id}: an event of {len(payload)} bytes is over Lambda's 6 MB")
        slot = self._take()
        cold = slot.invocations == 0
        try:
            completion = slot.invoke(payload)
        finally:
            self._give_back(slot)
        return InvokeResult(completion.payload, completion.error_type, cold)

    def warm(self, count: int) -> None:
        """Starts slots ahead of the first invocations, up to `count` in all; blocks until they are ready."""
        while True:
            with self._lock:
                missing = count - len(self._free) - len(self._busy) - self._starting
                if missing <= 0 or self._closed:
                    return
                self._starting += 1
            self._starts.acquire()
            self._start()

    def slots(self) -> tuple[SlotInfo, ...]:
        with self._lock:
            free = [SlotInfo(slot.process.pid, False, slot.invocations) for _, slot in self._free if slot.alive]
            busy = [SlotInfo(slot.process.pid, True, slot.invocations) for slot in self._busy if slot.alive]
        return (*busy, *free)

    def stop(self) -> None:
        with self._lock:
            self._closed = True
            self._lock.notify_all()
            slots = [slot for _, slot in self._free] + list(self._busy)
            self._free.clear()
        for slot in slots:
            slot.stop()
        self._log.close()

    def _take(self) -> Slot:
        give_up = time.monotonic() + self._slot_wait_s
        with self._lock:
            self._waiting += 1
            try:
                while True:
                    self._drop_unusable()
                    if self._closed or self._start_error:
                        raise Throttled(f"{self.spec.logical_id}: {self._start_error or 'the stack is stopping'}")
                    if self._free:
                        # The last one used is the likeliest to be warm in cache, and the others may age out.
                        slot = self._free.pop()[1]
                        self._busy.add(slot)
                        return slot
                    is_full = len(self._busy) + self._starting >= self.max_slots
                    if is_full and not self._starting and time.monotonic() >= give_up:
                        raise Throttled(f"{self.spec.logical_id}: all {self.max_slots} slots are busy")
                    if not is_full and self._starting < self._waiting and self._starts.acquire(blocking=False):
                        # The call takes whichever is free first, the new slot or one that was busy.
                        self._starting += 1
                        threading.Thread(target=self._start, name="slot-start", daemon=True).start()
                    self._lock.wait(RECHECK_S)
            finally:
                self._waiting -= 1

    def _start(self) -> None:
        """Adds a slot. Needs a permit of `starts`, and gives it back when the process has imported its code."""
        slot = None
        try:
            with self._lock:
                if not self._closed:
                    slot = Slot(
                        self.spec,
                        python=self._python,
                        environment=self._environment,
                        processes=self._processes,
                        log=self._log,
                    )
                    self._busy.add(slot)
            if slot:
                slot.initialise()
        except OSError as error:
            self._start_error = f"cannot start a process: {error}"
        finally:
            self._starts.release()
            with self._lock:
                self._starting -= 1
            if slot:
                # One that failed to import its code too: its first call tells so.
                self._give_back(slot)

    def _give_back(self, slot: Slot) -> None:
        with self._lock:
            self._busy.discard(slot)
            keep = slot.usable and not self._closed
            if keep:
                self._free.append((time.monotonic(), slot))
            self._lock.notify()
        if not keep:
            slot.stop()

    def _drop_unusable(self) -> None:
        too_old = time.monotonic() - IDLE_SLOT_S
        dropped = [slot for since, slot in self._free if not slot.usable or since < too_old]
        if dropped:
            self._free = [(since, slot) for since, slot in self._free if slot not in dropped]
            for slot in dropped:
                slot.stop()


def reserved_environment(spec: FunctionSpec) -> dict[str, str]:
    """Lambda's own variables (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html)."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": str(spec.code_dir),
        "_HANDLER": spec.handler,
        "LAMBDA_TASK_ROOT": str(spec.code_dir),
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
    }
