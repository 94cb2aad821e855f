"""No key, photo or item text in any log line of any part; and what is counted there is what docs/operate.md tells."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx

from scrutineer.counted import counted_in
from scrutineer.local.stack import LocalStack
from tests.told_metrics import counted_as, told_metrics


def test_logs_hold_ids_and_measurements_only(
    stack: LocalStack, client: httpx.Client, key: str, body: dict[str, Any], final: Callable[..., dict[str, Any]]
) -> None:
    body["item"]["description"] = "canary-description red shoe"
    body["reference"] = "canary-reference"
    photo = body["photos"][0]["data"]
    accepted = client.post("/v1/inspections", json=body, headers={"Idempotency-Key": "canary-idempotency"}).json()
    final(accepted["id"])
    client.post("/v1/inspections", json=body | {"canary-field": "canary-value"})
    client.get("/v1/inspections", params={"cursor": "canary-cursor"})
    logs = {path.name: path.read_text(errors="replace") for path in stack.logs.iterdir()}
    assert any(accepted["id"] in text for text in logs.values()), "the logs can't be followed by inspection"
    for name, text in logs.items():
        for secret in (key, photo[:60], photo[2000:2060], "canary-"):
            assert secret not in text, f"{name} holds {secret[:20]}…"


def test_the_published_version_serves_and_every_line_names_it(stack: LocalStack, client: httpx.Client) -> None:
    client.get("/v1/inspections", headers={"x-api-key": "canary-key"})
    lines = [line for line in (stack.logs / "AuthorizerFunction.log").read_text().splitlines() if "refused" in line]
    told = json.loads(lines[-1])
    assert (told["version"], told["settings"]) == ("1", "1")


def test_what_is_counted_is_what_the_page_tells(
    stack: LocalStack, client: httpx.Client, body: dict[str, Any], final: Callable[..., dict[str, Any]]
) -> None:
    accepted = client.post("/v1/inspections", json=body).json()
    final(accepted["id"])
    stack.invoke_async("NotifyFunction", {"source": "aws.events"})  # as its schedule does, which rests here
    told = told_metrics()
    deadline = time.monotonic() + 60
    while True:
        found = counted_in(stack.logs)
        names = {each.metric for each in found}
        if {
            "InspectionsFinal",
            "InteractiveUnfinished",
            "OldestWebhookOverdue",
        } <= names or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert {"InspectionsAccepted", "InspectionsFinal", "InspectionsLate", "InspectionTime", "EndpointCalls"} <= names
    assert {"InteractiveUnfinished", "OldestWebhookOverdue"} <= names
    strange = [each for each in found if counted_as(each.of) not in told.get(each.metric, set())]
    assert strange == []


def test_every_line_of_a_function_is_json(stack: LocalStack) -> None:
    """Libraries' lines and what was raised too, which Lambda writes; START and END are Lambda's own."""
    lines = [
        line
        for path in stack.logs.glob("*Function.log")
        for line in path.read_text(errors="replace").splitlines()
        if '"level"' in line or '"_aws"' in line
    ]
    assert len(lines) > 20
    for line in lines:
        written = json.loads(line)
        # What a handler raises, as the authorizer does to refuse, has Lambda's own names.
        says = "message" in written or "errorMessage" in written
        assert "_aws" in written or (says and {"level", "timestamp"} <= set(written)), line
