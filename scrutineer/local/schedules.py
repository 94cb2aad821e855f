"""EventBridge: invokes functions, asynchronously, when their schedules say so."""

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from scrutineer.local.schedule_expressions import NextTime, next_time
from scrutineer.local.template_model import ACCOUNT, REGION, ScheduleSpec


class Schedule:
    """Calls `fire` with the event. `every_s` replaces the template's expression by a fixed period in seconds."""

    def __init__(self, spec: ScheduleSpec, *, fire: Callable[[bytes], None], every_s: float | None = None) -> None:
        self._spec = spec
        self._fire = fire
        self._next: NextTime = next_time(spec.expression, spec.timezone, spec.logical_id)
        if every_s is not None:
            period = timedelta(seconds=every_s)
            self._next = lambda after: after + period
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=spec.logical_id, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(5)

    def _run(self) -> None:
        at = self._next(datetime.now(UTC))
        while at is not None:
            if self._stopped.wait(max(0.0, (at - datetime.now(UTC)).total_seconds())):
                return
            self._fire(scheduled_event(self._spec, at))
            # Counted from the planned time, so that a rate does not drift; what a sleeping machine missed is skipped.
            at = self._next(max(at, datetime.now(UTC) - timedelta(seconds=1)))


def scheduled_event(spec: ScheduleSpec, at: datetime) -> bytes:
    """A given `Input` replaces it.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
    """
    if spec.input is not None:
        return spec.input.encode()
    if spec.kind == "schedule":
        return b"{}"
    event: Mapping[str, object] = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [spec.arn],
        "detail": {},
    }
    return json.dumps(event).encode()
