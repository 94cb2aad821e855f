"""Where moto 5.2.5 keeps usage plans otherwise than API Gateway does: a caller that passes here must pass there."""

from typing import Any

from moto.apigateway.exceptions import (
    ApiKeyNotFoundException,
    BadRequestException,
    ConflictException,
    UsagePlanNotFoundException,
)
from moto.apigateway.models import APIGatewayBackend, UsagePlan, UsagePlanKey

RATE = "/throttle/rateLimit"


class BadRequest(BadRequestException):
    code = 400


def correct_usage_plans() -> None:
    """Idempotent; to be called before the first request."""
    if UsagePlan.apply_patch_operations is _apply_patch_operations:
        return
    UsagePlan.apply_patch_operations = _apply_patch_operations  # type: ignore[method-assign]
    APIGatewayBackend.delete_usage_plan = _delete_usage_plan  # type: ignore[method-assign]
    APIGatewayBackend.create_usage_plan_key = _create_usage_plan_key  # type: ignore[method-assign]
    APIGatewayBackend.delete_usage_plan_key = _delete_usage_plan_key  # type: ignore[method-assign]
    APIGatewayBackend.delete_api_key = _delete_api_key  # type: ignore[method-assign]


_original_patch = UsagePlan.apply_patch_operations
_original_create_key = APIGatewayBackend.create_usage_plan_key
_original_delete_key = APIGatewayBackend.delete_api_key


def _apply_patch_operations(self: UsagePlan, patch_operations: list[dict[str, Any]]) -> None:
    """Rates are decimals: moto takes them for whole numbers and fails at 2.5 and at "10.0"."""
    _original_patch(self, [operation for operation in patch_operations if operation["path"] != RATE])
    for operation in patch_operations:
        if operation["path"] == RATE:
            try:
                self.throttle["rateLimit"] = float(operation["value"])
            except (KeyError, ValueError):
                raise BadRequest(f"Invalid patch operation on {RATE}") from None


def _delete_usage_plan(self: APIGatewayBackend, usage_plan_id: str) -> None:
    if self.get_usage_plan(usage_plan_id).api_stages:
        raise BadRequest("Cannot delete a usage plan that has API stages: remove the stages first.")
    self.usage_plans.pop(usage_plan_id)
    self.usage_plan_keys.pop(usage_plan_id, None)


def _create_usage_plan_key(self: APIGatewayBackend, usage_plan_id: str, payload: dict[str, Any]) -> UsagePlanKey:
    """A key has at most one usage plan for a stage."""
    stages = [(stage["apiId"], stage["stage"]) for stage in self.get_usage_plan(usage_plan_id).api_stages]
    for plan in self.get_usage_plans(payload["keyId"]):
        others = {(stage["apiId"], stage["stage"]) for stage in plan.api_stages}
        if plan.id == usage_plan_id or others.intersection(stages):
            raise ConflictException(f"The API key {payload['keyId']} is already in the usage plan {plan.id}.")
    return _original_create_key(self, usage_plan_id, payload)


def _delete_usage_plan_key(self: APIGatewayBackend, usage_plan_id: str, key_id: str) -> None:
    if usage_plan_id not in self.usage_plans:
        raise UsagePlanNotFoundException
    if self.usage_plan_keys.get(usage_plan_id, {}).pop(key_id, None) is None:
        raise ApiKeyNotFoundException


def _delete_api_key(self: APIGatewayBackend, api_key_id: str) -> None:
    """A deleted key leaves its plans."""
    _original_delete_key(self, api_key_id)
    for attached in self.usage_plan_keys.values():
        attached.pop(api_key_id, None)
