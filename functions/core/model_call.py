"""One question to a model that is answered at once: counted, asked, and refunded where nothing came of it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from core.endpoint import Endpoint, EndpointRefused
from core.errors import InvalidRequest, NotOffered, ScrutineerError
from core.identifiers import new_identifier
from core.model_answer import InvalidAnswer
from core.usage import UsageRecords


class UnusableInput(InvalidRequest):
    """The model can't take what was sent; `detail` and `field` are what it said."""

    code, status, title = "unusable_input", 422, "The model can't use this input"


class ModelCall:
    """`endpoint` None: nobody configured a model for this task."""

    def __init__(self, usage: UsageRecords, endpoint: Endpoint | None) -> None:
        self._usage = usage
        self._endpoint = endpoint

    def __call__(
        self, client_id: str, task: str, units: int, asked: Mapping[str, Any], fields: Mapping[str, str]
    ) -> dict[str, Any]:
        """The container's answer with `served_by`. `fields` turns its names of fields into the client's: patterns and
        what stands in their place.

        Raises NotOffered, QuotaExceeded, NotOnPlan, UnusableInput, EndpointUnavailable, EndpointRefused, InvalidAnswer.
        """
        if self._endpoint is None:
            raise NotOffered(f"No model for {task} is configured.")
        self._usage.charge(client_id, task, units)
        try:
            return self._ask(self._endpoint, asked, fields)
        except BaseException:
            self._usage.refund(client_id, task, units)
            raise

    def _ask(self, endpoint: Endpoint, asked: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
        try:
            answered = endpoint.invoke(json.dumps(asked).encode(), new_identifier("call"))
        except EndpointRefused as error:
            raise _refusal(error, fields) from error
        try:
            answer = json.loads(answered.data)
        except ValueError as error:
            raise InvalidAnswer("The model endpoint's answer is not JSON.") from error
        if not isinstance(answer, dict):
            raise InvalidAnswer("The model endpoint's answer is not what the contract says.")
        return {**answer, "served_by": answered.served_by}


def _refusal(error: EndpointRefused, fields: Mapping[str, str]) -> ScrutineerError:
    problem = error.problem
    if problem.get("code") == "unsupported_task":
        return NotOffered("The configured model can't do this.")
    if not problem:
        return error
    field = problem.get("field")
    for pattern, ours in fields.items():
        field = re.sub(pattern, ours, field) if field else None
    return UnusableInput(problem.get("detail", error.detail), field=field)
