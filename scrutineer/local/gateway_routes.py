"""Which route a request takes: REST API prefers fixed parts to `{parameters}`, and those to a greedy `{proxy+}`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from scrutineer.local.template_model import RouteSpec

PARAMETER = re.compile(r"^\{([^}+]+)(\+?)\}$")


@dataclass(frozen=True)
class Match:
    """`parameters` of the path, percent-decoded as REST API passes them on."""

    route: RouteSpec
    parameters: Mapping[str, str]


class Routes:
    def __init__(self, routes: Iterable[RouteSpec]) -> None:
        self._routes = sorted(((_rank(route), route) for route in routes), key=lambda ranked: ranked[0])

    def find(self, method: str, path: str) -> Match | None:
        """`path` as sent, without the stage. A fixed path shadows a parameter even where it lacks the method."""
        parts = path.strip("/").split("/") if path.strip("/") else []
        for _, route in self._routes:
            parameters = _parameters(route.path, parts)
            if parameters is None:
                continue
            candidates = [other for _, other in self._routes if other.path == route.path]
            by_method = {other.method: other for other in candidates}
            chosen = by_method.get(method) or by_method.get("ANY")
            return Match(chosen, parameters) if chosen else None
        return None


def _rank(route: RouteSpec) -> tuple[tuple[int, ...], str]:
    return tuple(_kind(part) for part in route.path.strip("/").split("/")), route.method


def _kind(part: str) -> int:
    parameter = PARAMETER.match(part)
    return 0 if not parameter else 2 if parameter[2] else 1


def _parameters(pattern: str, parts: list[str]) -> dict[str, str] | None:
    wanted = pattern.strip("/").split("/") if pattern.strip("/") else []
    found: dict[str, str] = {}
    for index, part in enumerate(wanted):
        parameter = PARAMETER.match(part)
        if parameter and parameter[2]:
            rest = parts[index:]
            return {**found, parameter[1]: unquote("/".join(rest))} if rest else None
        if index >= len(parts):
            return None
        if parameter:
            found[parameter[1]] = unquote(parts[index])
        elif unquote(parts[index]) != part:
            return None
    return found if len(parts) == len(wanted) else None
