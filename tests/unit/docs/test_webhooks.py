"""docs/webhooks.md says what the code does: every type of message, every route, the table of pauses."""

import re

from core.roles import ROUTES
from core.webhook_outbox import Event
from notify.retries import DELAYS_S, HOUR_S
from scrutineer.local.settings import ROOT

PAGE = (ROOT / "docs" / "webhooks.md").read_text()


def test_every_type_of_message_is_told() -> None:
    for event in Event:
        assert f"`{event.value}`" in PAGE or f"`.{event.value.rpartition('.')[2]}`" in PAGE, event


def test_every_route_is_told() -> None:
    for route in ROUTES:
        if route.path.startswith("/v1/webhooks"):
            last = route.path.rpartition("/")[2]
            assert f"`{route.method} {route.path}" in PAGE or f"`{route.method} …/{last}" in PAGE, route


def test_the_pauses_are_those_of_the_table() -> None:
    units = {"s": 1, "min": 60, "h": HOUR_S}
    told = re.search(r"after 5 s,.*?\(`functions/notify/retries\.py`\)", PAGE, re.DOTALL)
    assert told is not None
    found = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (min|s|h)\b", told[0])]
    assert found == list(DELAYS_S)
    assert round(sum(DELAYS_S) / HOUR_S) == 76
