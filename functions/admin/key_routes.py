"""`/v1/admin/clients/{client_id}/keys`. An answer that holds a secret is kept by no cache."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from admin.contract import IssuedKey, Key, KeyChange, KeyPage, NewKey, RotatedKey, Rotation
from admin.services import (
    Cursor,
    DryRunQuery,
    Id,
    Limit,
    answer,
    answers,
    caller_of,
    changes,
    new_router,
    principal_of,
    services_of,
)

KEYS = "/v1/admin/clients/<client_id>/keys"
KEY = f"{KEYS}/<key_id>"
NO_STORE = {"Cache-Control": "no-store"}

router = new_router()


@router.get(KEYS, summary="A client's keys", responses=answers(200, KeyPage, "A page, by id"), tags=["Keys"])
def list_keys(client_id: Id, limit: Limit = 20, cursor: Cursor = None) -> Response[str]:
    return answer(200, services_of(router).keys.page(principal_of(router), client_id, after=cursor, limit=limit))


@router.post(
    KEYS,
    summary="Make a key",
    description="`key` in the answer is the secret: it is shown once and kept nowhere.",
    responses=changes(201, IssuedKey, "Made"),
    tags=["Keys"],
)
def create_key(client_id: Id, body: Annotated[NewKey, Body()], dry_run: DryRunQuery = False) -> Response[str]:
    return answer(201, services_of(router).keys.create(caller_of(router, dry_run), client_id, body), NO_STORE)


@router.patch(KEY, summary="Change a key's name or expiry", responses=changes(200, Key, "Changed"), tags=["Keys"])
def update_key(
    client_id: Id, key_id: Id, body: Annotated[KeyChange, Body()], dry_run: DryRunQuery = False
) -> Response[str]:
    return answer(200, services_of(router).keys.update(caller_of(router, dry_run), client_id, key_id, body))


@router.delete(
    KEY,
    summary="Revoke a key",
    description="It is refused everywhere within 60 seconds.",
    responses=changes(200, Key, "Revoked"),
    tags=["Keys"],
)
def revoke_key(client_id: Id, key_id: Id, dry_run: DryRunQuery = False) -> Response[str]:
    return answer(200, services_of(router).keys.revoke(caller_of(router, dry_run), client_id, key_id))


@router.post(
    f"{KEY}/rotate",
    summary="Replace a key",
    description="The old and the new key work side by side for `overlap_s`.",
    responses=changes(201, RotatedKey, "Made"),
    tags=["Keys"],
)
def rotate_key(
    client_id: Id,
    key_id: Id,
    body: Annotated[Rotation | None, Body()] = None,
    dry_run: DryRunQuery = False,
) -> Response[str]:
    rotated = services_of(router).keys.rotate(caller_of(router, dry_run), client_id, key_id, body or Rotation())
    return answer(201, rotated, NO_STORE)
