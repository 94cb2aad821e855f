"""How a model's device is used without waiting for it, and what it can do wrong, told as the server's own errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from time import perf_counter
from traceback import clear_frames
from typing import Any

import torch

from models.errors import EndpointError, ModelDefunct

# What the CPU's allocator and cuBLAS's workspace say for want of memory; torch has no exception type of its own for it.
WANT_OF_MEMORY = ("DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED")


@contextmanager
def accelerator_errors(advice: str = "Send fewer inputs.", field: str = "inputs") -> Iterator[None]:
    """Too little memory, of the host or of the device, fails what asked for it; a broken device ends the model."""
    try:
        yield
    except torch.AcceleratorError as error:
        raise ModelDefunct("The accelerator failed and must be restarted.") from error
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        # The tensors of the failed forward hang on its frames, and the next attempt needs their memory.
        clear_frames(error.__traceback__)
        torch.cuda.empty_cache()
        raise EndpointError("out_of_memory", advice, field) from error


def send(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A copy of a host tensor on the device. Nothing waits for it: CUDA copies from pinned memory as it goes along."""
    if device.type != "cuda":
        return values.to(device)
    return (values if values.is_pinned() else values.pin_memory()).to(device, non_blocking=True)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was told: before a clock is read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Stopwatch:
    """Takes times on the device's own clock, in the order of its work; the host does not wait until they are read."""

    def __init__(self, device: torch.device) -> None:
        self._on_cuda = device.type == "cuda"
        self._marks: list[Any] = []
        self.mark()

    def mark(self) -> None:
        """The end of a stage, and the beginning of the next."""
        if self._on_cuda:
            event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            self._marks.append(event)
        else:
            self._marks.append(perf_counter())

    def stages_ms(self) -> list[float]:
        """The length of each stage; on CUDA this waits for the last one's end."""
        if self._on_cuda:
            self._marks[-1].synchronize()
            return [start.elapsed_time(end) for start, end in pairwise(self._marks)]
        return [(end - start) * 1000 for start, end in pairwise(self._marks)]


def _out_of_memory(error: MemoryError | RuntimeError) -> bool:
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or any(message in str(error) for message in WANT_OF_MEMORY)
