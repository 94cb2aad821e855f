"""An AWS account that answers what a test says, and only in shapes that AWS's own API has."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from scrutineer.deployment.account import CouldNotLook, Refused, action

Answer = Mapping[str, Any] | Exception | Callable[[Mapping[str, Any]], Mapping[str, Any]]


class FakeAccount:
    """`answers` are by service and operation, `{"ec2.describe_vpcs": {"Vpcs": []}}`: an answer, what is raised, or what
    to make of the parameters. Whatever is not among them is not permitted.

    Parameters and answers are held to botocore's model of the service, but for members that a test leaves out.
    """

    def __init__(self, answers: Mapping[str, Answer], *, region: str | None = "eu-west-1") -> None:
        self.answers = dict(answers)
        self.region = region
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def ask(self, service: str, operation: str, /, region: str | None = None, **parameters: Any) -> Mapping[str, Any]:
        name = f"{service}.{operation}"
        model = _operation(service, operation)
        _hold(parameters, model.input_shape, what=f"parameters of {name}", complete=True)
        self.asked.append((name, parameters))
        if name not in self.answers:
            raise CouldNotLook(f"needs {action(service, model.name)}")
        answer = self.answers[name]
        if callable(answer):
            answer = answer(parameters)
        if isinstance(answer, Exception):
            raise answer
        _hold(answer, model.output_shape, what=f"answer of {name}", complete=False)
        return answer

    def all(self, service: str, operation: str, key: str, /, **parameters: Any) -> Iterator[Any]:
        yield from self.ask(service, operation, **parameters).get(key, ())


def refused(code: str, message: str = "no") -> Refused:
    return Refused(code, message)


@cache
def _service(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _operation(service: str, operation: str) -> Any:
    model = _service(service)
    wanted = operation.replace("_", "").lower()
    return model.operation_model(next(name for name in model.operation_names if name.lower() == wanted))


def _hold(given: Mapping[str, Any], shape: Any, *, what: str, complete: bool) -> None:
    report = ParamValidator().validate(dict(given), shape)
    errors = [
        (reason, where, more)
        for reason, where, more in report._errors
        if complete or reason != "missing required field"
    ]
    assert not errors, f"{what}: {errors}"
