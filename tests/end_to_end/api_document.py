"""The OpenAPI document as tests walk it: each operation, and a body that is right for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Schema = Mapping[str, Any]
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Operation:
    """`request` and `answers` are schemas; `answers` those of success."""

    method: str
    path: str
    parameters: tuple[str, ...]
    query: frozenset[str]
    request: Schema | None
    answers: tuple[Schema, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class ApiDocument:
    """`given` has values of properties that a schema can't tell, by name, for every example."""

    def __init__(self, document: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> None:
        self._given = given or {}
        self._schemas = document["components"]["schemas"]
        self.operations = [
            _operation(method.upper(), path, described)
            for path, methods in document["paths"].items()
            for method, described in methods.items()
        ]

    def example(self, schema: Schema, given: Mapping[str, Any]) -> Any:
        """A small value that is right; `given` has those of properties that a schema can't tell, by name."""
        schema, given = self.resolved(schema), {**self._given, **given}
        if "const" in schema:
            return schema["const"]
        for known in ("examples", "enum"):
            if known in schema:
                return schema[known][0]
        match schema.get("type"):
            case "object":
                properties = schema.get("properties", {})
                names = schema.get("required") or list(properties)[:1]
                return {name: given[name] if name in given else self.example(properties[name], given) for name in names}
            case "array":
                return [self.example(schema["items"], given)] * max(1, schema.get("minItems", 1))
            case "string":
                if schema.get("format") in ("date-time", "date"):
                    tomorrow = datetime.now(UTC) + timedelta(days=1)
                    return (tomorrow if schema["format"] == "date-time" else tomorrow.date()).isoformat()
                return "x" * max(1, schema.get("minLength", 1))
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return True
        raise AssertionError(f"no example of {schema}")

    def fields(self, schema: Schema, at: Path = ()) -> dict[str, Schema]:
        """The properties of an object at a place of a schema, of all its alternatives; empty where it has none."""
        found: dict[str, Schema] = {}
        for option in self._options(schema):
            if not at:
                found |= option.get("properties", {})
            elif isinstance(at[0], int):
                found |= self.fields(option["items"], at[1:]) if "items" in option else {}
            elif at[0] in option.get("properties", {}):
                found |= self.fields(option["properties"][at[0]], at[1:])
        return found

    def closed_objects(self, schema: Schema, value: Any, at: Path = ()) -> Iterator[Path]:
        """Where in `value` an object stands whose properties are all named by the schema."""
        schema = self.resolved(schema)
        if isinstance(value, dict) and "properties" in schema:
            yield at
            for name, part in value.items():
                yield from self.closed_objects(schema["properties"][name], part, (*at, name))
        elif isinstance(value, list) and value:
            yield from self.closed_objects(schema["items"], value[0], (*at, 0))

    def resolved(self, schema: Schema) -> Schema:
        """Behind references, and of alternatives the first that is not null."""
        return self._options(schema)[0]

    def _options(self, schema: Schema) -> list[Schema]:
        if "$ref" in schema:
            return self._options(self._schemas[schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            return [
                option
                for alternative in schema["anyOf"]
                if alternative.get("type") != "null"
                for option in self._options(alternative)
            ]
        return [schema]


def _operation(method: str, path: str, described: Mapping[str, Any]) -> Operation:
    parameters = described.get("parameters", [])
    body = described.get("requestBody", {}).get("content", {}).get("application/json", {})
    return Operation(
        method,
        path,
        tuple(each["name"] for each in parameters if each["in"] == "path"),
        frozenset(each["name"] for each in parameters if each["in"] == "query"),
        body.get("schema"),
        tuple(
            content["schema"]
            for status, answer in described["responses"].items()
            if status.startswith("2")
            for kind, content in answer.get("content", {}).items()
            if kind == "application/json"
        ),
    )
