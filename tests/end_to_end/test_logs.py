"""No key, photo or item text in any log line of any part."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from scrutineer.local.stack import LocalStack


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


def test_the_published_version_serves_and_every_line_names_it(
    stack: LocalStack, client: httpx.Client, key: str
) -> None:
    client.get("/v1/inspections", headers={"x-api-key": "canary-key"})
    (line,) = [line for line in (stack.logs / "AuthorizerFunction.log").read_text().splitlines() if "refused" in line]
    told = json.loads(line)
    assert (told["version"], told["settings"]) == ("1", "1")
