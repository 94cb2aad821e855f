"""What the accelerator can do wrong, told as the server's own errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from models.errors import EndpointError, ModelDefunct


@contextmanager
def accelerator_errors() -> Iterator[None]:
    """Too little memory fails the request that asked for it; a broken device ends the model."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise EndpointError("out_of_memory", "Send fewer inputs.", "inputs") from error
    except torch.AcceleratorError as error:
        raise ModelDefunct("The accelerator failed and must be restarted.") from error


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was told: before a clock is read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
