"""The tasks a request can name. Each turns JSON into the model's terms, and the model's result into JSON."""

from collections.abc import Mapping
from typing import Any, Protocol

from models.errors import EndpointError
from models.interface import LoadedModel, TaskRunner
from server.settings import Settings
from server.tasks import describe, embed, inspect


class Task(Protocol):
    """The wire side of one task."""

    def parse(self, body: Mapping[str, Any], settings: Settings) -> Any:
        """Validate a body; raises EndpointError naming the field that is wrong."""

    def render(self, request: Any, result: Any) -> dict[str, Any]:
        """The part of the response that is this task's own; raises `model_output_invalid`."""


TASKS: dict[str, Task] = {
    "inspect": inspect.InspectTask(),
    "embed": embed.EmbedTask(),
    "describe": describe.DescribeTask(),
}


def choose_task(body: Mapping[str, Any], model: LoadedModel) -> tuple[Task, TaskRunner[Any, Any, Any]]:
    """The task that a body names, and what runs it. Raises `unknown_task` or `unsupported_task`."""
    name = body.get("task")
    if not isinstance(name, str) or name not in TASKS:
        raise EndpointError("unknown_task", f"Known tasks: {', '.join(TASKS)}.", "task")
    if name not in model.tasks:
        raise EndpointError("unsupported_task", f"This model does: {', '.join(model.tasks)}.", "task")
    return TASKS[name], model.tasks[name]
