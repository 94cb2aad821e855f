"""An endpoint that answers every inspection at once with the contract's shape: what remains is the gateway's own time.

Tests use it too, to make an endpoint slow or failing at will.
"""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class StubEndpoint:
    """Gives every question its first answer with probability 0.9; `delay_s` and `failures` may change at any time."""

    delay_s: float = 0.0
    failures: int = 0
    """So many calls answer 500 before the next one succeeds."""
    calls: list[str] = field(default_factory=list)
    """The items' descriptions, in the order in which they were asked about."""

    def app(self) -> Starlette:
        """The ASGI application: `/ping` and `/invocations`."""
        return Starlette(
            routes=[Route("/ping", self._ping), Route("/invocations", self._invocations, methods=["POST"])]
        )

    async def _ping(self, request: Request) -> Response:
        return JSONResponse({"state": "READY"})

    async def _invocations(self, request: Request) -> Response:
        asked = json.loads(await request.body())
        self.calls.append(asked["item"]["description"])
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.failures > 0:
            self.failures -= 1
            return JSONResponse({"code": "internal_error", "status": 500}, status_code=500)
        return JSONResponse(
            {
                "answers": [_answer(question) for question in asked["questions"]],
                "explanation": None,
                "model": {"name": "stub", "version": "1", "digest": "none"},
                "usage": {"photos": len(asked["photos"]), "tiles": 0, "prompt_tokens": 0, "generated_tokens": 0},
                "timings_ms": {"total": self.delay_s * 1000},
            }
        )


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    chosen, *others = question["answers"]
    probabilities = {chosen: 0.9} | {other: 0.1 / len(others) for other in others}
    return {"id": question["id"], "answer": chosen, "probabilities": probabilities}


def main() -> None:
    """Serve on 127.0.0.1 until terminated; the arguments are the port and the seconds that an answer takes."""
    port, delay_s = int(sys.argv[1]), float(sys.argv[2])
    uvicorn.run(StubEndpoint(delay_s).app(), host="127.0.0.1", port=port, log_level="critical")


if __name__ == "__main__":
    main()
