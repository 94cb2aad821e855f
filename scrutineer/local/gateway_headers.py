"""What becomes of a request's headers on their way to a function: a caller's word is never taken for the gateway's."""

import time
import uuid
from collections.abc import Sequence

from scrutineer.local.gateway_responses import Refused

# The request line and all headers together, in bytes.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
LIMIT_BYTES = 10_240
# The gateway's own, whatever the caller sends under these names.
REPLACED = ("x-forwarded-for", "x-forwarded-port", "x-forwarded-proto")


def passed_on(headers: Sequence[tuple[str, str]], *, source_ip: str, signed: bool) -> dict[str, list[str]]:
    """Every header with all its values, in order, under its name as first sent: case makes no second header.

    `signed` is whether the route asks for a signature, which API Gateway then keeps to itself.
    """
    names: dict[str, str] = {}
    passed: dict[str, list[str]] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in REPLACED or (signed and lower == "authorization"):
            continue
        passed.setdefault(names.setdefault(lower, name), []).append(value)
    # Each hop adds whom it heard it from, so only the last address is the gateway's word.
    forwarded = [value for name, value in headers if name.lower() == "x-forwarded-for"]
    passed["X-Forwarded-For"] = [", ".join([*forwarded, source_ip])]
    passed["X-Forwarded-Port"] = ["443"]
    passed["X-Forwarded-Proto"] = ["https"]
    if "x-amzn-trace-id" not in names:
        passed["X-Amzn-Trace-Id"] = [f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"]
    return passed


def check_size(request_line: str, headers: Sequence[tuple[str, str]]) -> None:
    """Raises `Refused`."""
    size = len(request_line) + sum(len(f"{name}: {value}\r\n") for name, value in headers)
    if size > LIMIT_BYTES:
        raise Refused("REQUEST_TOO_LARGE", message=f"HTTP header is larger than {LIMIT_BYTES} bytes.")
