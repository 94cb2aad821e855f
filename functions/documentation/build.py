"""Write `openapi.json` from the resolvers' own routes and types: `python -m documentation.build`, run in functions/.

A function that has routes is found by its `app` resolver; a test fails when the file is not what this would write.
"""

import json
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler.openapi.merge import OpenAPIMerge

FUNCTIONS = Path(__file__).parent.parent
OPENAPI = Path(__file__).parent / "openapi.json"
OPEN_PATHS = ("/v1/openapi.json", "/v1/docs")
DESCRIPTION = (
    "Do these photos show what they should? Send an item and its photos, get a verdict. Errors are "
    "`application/problem+json` (RFC 9457) with a stable `code`."
)


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 document over all functions."""
    merge = OpenAPIMerge(
        title="Scrutineer",
        version="1",
        description=DESCRIPTION,
        security=[{"ApiKey": []}],
        on_conflict="error",
    )
    merge.discover(FUNCTIONS, pattern="*/app.py", recursive=True, project_root=FUNCTIONS)
    document: dict[str, Any] = json.loads(merge.get_openapi_json_schema())
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)  # the resolver lists it unasked; ours answer 400 with a problem
    for schema in ("HTTPValidationError", "ResponseValidationError", "ValidationError"):
        document["components"]["schemas"].pop(schema, None)
    for path in OPEN_PATHS:
        document["paths"][path]["get"]["security"] = []
    document["servers"] = [{"url": ".."}]  # relative to the document, so the stage and any domain are right
    document["components"]["securitySchemes"] = {"ApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}}
    return document


def rendered() -> str:
    """The document as the file holds it."""
    return json.dumps(openapi(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    OPENAPI.write_text(rendered())
