"""Usage plans and keys that somebody keeps in API Gateway's records, by boto3 or the AWS command line, at work here.

API Gateway takes seconds to act on such a record; here it is half a second, and at once for a key's first request.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from scrutineer.local.template_model import ApiSpec, UsagePlanSpec
from scrutineer.local.usage_plans import UsagePlans

POLL_S = 0.5
# A request with a key that is not known has the records read again, but not more often than this.
COOLDOWN_S = 0.1
log = logging.getLogger(__name__)


class PlanRecords:
    """Keeps `plans` in step with the template's plans and the records' ones; a record wins over the template.

    `read` returns the records as the AWS services have them, or raises `httpx.HTTPError`; then the last ones stay.
    """

    def __init__(
        self,
        api: ApiSpec,
        plans: UsagePlans,
        *,
        read: Callable[[], list[dict[str, Any]]],
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.plans = plans
        self._api = api
        self._read = read
        self._clock = clock
        self._pause = pause
        self._last: list[dict[str, Any]] | None = None
        self._answers = True
        self._looked_at = -COOLDOWN_S
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="plan-records", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(2)

    def look_again(self) -> None:
        """For a key that is not known. Returns when the records were read after the call; blocks meanwhile.

        Older records would refuse the first request of a client who was made a moment ago.
        """
        asked_at = self._clock()
        with self._lock:
            if self._looked_at < asked_at:
                self._pause(max(0.0, self._looked_at + COOLDOWN_S - asked_at))
                self._look()

    def _poll(self) -> None:
        while not self._stopped.wait(POLL_S):
            with self._lock:
                self._look()

    def _look(self) -> None:
        self._looked_at = self._clock()
        try:
            records = self._read()
        except httpx.HTTPError as error:
            if self._answers:
                log.warning("usage plans: no answer from the AWS services (%s); the last ones stay", error)
            self._answers = False
        else:
            self._answers = True
            if records != self._last:
                self._last = records
                self.plans.replace([*self._api.plans, *plans_of(self._api, records)])


def reader(services_url: str) -> Callable[[], list[dict[str, Any]]]:
    client = httpx.Client(base_url=services_url, timeout=5, trust_env=False)

    def read() -> list[dict[str, Any]]:
        answer = client.get("/scrutineer-local/usage-plans")
        answer.raise_for_status()
        records: list[dict[str, Any]] = answer.json()
        return records

    return read


def plans_of(api: ApiSpec, records: list[dict[str, Any]]) -> Iterator[UsagePlanSpec]:
    """The plans of this API's stage. One that cannot be taken is logged and left out: its keys belong to no plan."""
    for record in records:
        stages = [
            stage for stage in record["stages"] if (stage.get("apiId"), stage.get("stage")) == (api.api_id, api.stage)
        ]
        if not stages:
            continue
        if any(stage.get("throttle") for stage in stages):
            log.warning("usage plan %s: a throttle of a single method is not emulated by the local stack", record["id"])
            continue
        try:
            yield _plan(record)
        except (TypeError, ValueError) as error:
            log.warning("usage plan %s: %s", record["id"], error)


def _plan(record: Mapping[str, Any]) -> UsagePlanSpec:
    throttle, quota = record["throttle"], record["quota"]
    if int(quota.get("offset") or 0) != 0:
        raise ValueError("a quota with an offset is not emulated by the local stack")
    period = quota.get("period")
    if "limit" in quota and period not in ("DAY", "WEEK", "MONTH"):
        raise ValueError(f"the quota's period {period!r} is not DAY, WEEK or MONTH")
    return UsagePlanSpec(
        logical_id=str(record["id"]),
        rate_per_s=float(throttle["rateLimit"]) if "rateLimit" in throttle else None,
        burst=int(throttle["burstLimit"]) if "burstLimit" in throttle else None,
        quota_limit=int(quota["limit"]) if "limit" in quota else None,
        quota_period=period,
        keys=record["keys"],
    )
