"""The function's routes are those of the role table, each with its whole contract."""

import json
from typing import Any

from admin import app
from core.roles import ROUTES


def document() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(app.app.get_openapi_json_schema())
    return read


def test_every_route_is_in_the_role_table_and_the_other_way_round() -> None:
    served = {(method.upper(), path) for path, item in document()["paths"].items() for method in item}
    table = {(route.method, route.path) for route in ROUTES if route.path.startswith(("/v1/admin", "/v1/me"))}
    assert served == table


def test_every_change_can_be_tried() -> None:
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            parameters = {parameter["name"] for parameter in operation.get("parameters", [])}
            assert ("dry_run" in parameters) == (method != "get"), (method, path)


def test_every_answer_has_its_shape() -> None:
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            for status, answer in operation["responses"].items():
                if status not in ("204", "422"):
                    assert "content" in answer, (method, path, status)
            assert {"403", "404", "503"} <= set(operation["responses"]), (method, path)
