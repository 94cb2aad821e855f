"""What the settings change about a template that has been read."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from scrutineer.local.errors import LocalStackError
from scrutineer.local.settings import StackSettings
from scrutineer.local.template_model import Template


def overridden(template: Template, settings: StackSettings) -> Template:
    """The template with the settings' visibility timeouts. Raises `LocalStackError` for a setting of what it lacks."""
    queues = dict(template.queues)
    for name, given in (
        ("max_slots", settings.max_slots),
        ("function_environment", settings.function_environment),
    ):
        _known(name, given, template.functions)
    _known("visibility_timeout_s", settings.visibility_timeout_s, queues)
    _known("schedule_s", settings.schedule_s, {schedule.logical_id: schedule for schedule in template.schedules})
    for logical_id, timeout_s in settings.visibility_timeout_s.items():
        queue = queues[logical_id]
        queues[logical_id] = dataclasses.replace(
            queue,
            visibility_timeout_s=timeout_s,
            attributes={**queue.attributes, "VisibilityTimeout": str(timeout_s)},
        )
    return dataclasses.replace(template, queues=queues)


def _known(setting: str, given: Mapping[str, Any], resources: Mapping[str, Any]) -> None:
    for logical_id in given:
        if logical_id not in resources:
            raise LocalStackError(f"{setting}: the template has no {logical_id}")
