"""What the endpoint was asked and answered, kept in SageMaker's data capture format (eventVersion "0").

The input names photos by key and hash; pixels are never captured.
"""

import json
from datetime import UTC, datetime
from typing import Any


def capture(inspection_id: str, *, asked: dict[str, Any], answered: bytes, served_by: str) -> bytes:
    """One JSON line. `asked` must hold no photo data."""
    return json.dumps(
        {
            "captureData": {
                "endpointInput": _captured(json.dumps(asked), "INPUT"),
                "endpointOutput": _captured(answered.decode(), "OUTPUT"),
            },
            "eventMetadata": {
                "eventId": inspection_id,
                "inferenceId": inspection_id,
                "inferenceTime": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                "customAttributes": [f"served_by={served_by}"],
            },
            "eventVersion": "0",
        }
    ).encode()


def captured_answer(data: bytes) -> tuple[bytes, str]:
    """The endpoint's answer as it came, and who served it."""
    event = json.loads(data)
    attributes = dict(entry.split("=", 1) for entry in event["eventMetadata"]["customAttributes"])
    answer: str = event["captureData"]["endpointOutput"]["data"]
    return answer.encode(), attributes["served_by"]


def _captured(data: str, mode: str) -> dict[str, str]:
    return {"observedContentType": "application/json", "mode": mode, "data": data, "encoding": "JSON"}
