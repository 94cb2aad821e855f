"""What the local gateway asks of moto's records, and the AWS APIs do not tell in one call, or at all.

It runs in moto's process. The answers hold the secrets of emulated access keys, as those of moto's own
`/moto-api/data.json` do: they sign requests to this machine and nothing else.
"""

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from scrutineer.local.template_model import ACCOUNT, REGION

PREFIX = "/scrutineer-local"
PARTITION = "aws"


def with_records(moto: WSGIApplication) -> WSGIApplication:
    """`GET /scrutineer-local/usage-plans` and `/scrutineer-local/access-keys/{id}`; anything else is moto's."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        if not path.startswith(PREFIX + "/"):
            return moto(environ, start_response)
        what, _, name = path.removeprefix(PREFIX + "/").partition("/")
        found = VIEWS[what](name) if what in VIEWS else None
        body = json.dumps(found).encode()
        status = "404 Not Found" if found is None else "200 OK"
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return answer


def _usage_plans(_: str) -> list[dict[str, Any]]:
    """Every plan with the values of its enabled keys by id."""
    # Nobody has made a plan while moto's module, which takes half a second to import, is not there.
    if "moto.apigateway.models" not in sys.modules:
        return []
    from moto.apigateway.models import apigateway_backends

    backend = apigateway_backends[ACCOUNT][REGION]
    # Other threads change these: each is copied by one step of the interpreter.
    keys = dict(backend.keys)
    return [
        {
            "id": plan.id,
            "stages": list(plan.api_stages),
            "throttle": dict(plan.throttle),
            "quota": dict(plan.quota),
            "keys": {
                key_id: keys[key_id].value
                for key_id in list(backend.usage_plan_keys.get(plan.id, ()))
                if key_id in keys and keys[key_id].enabled
            },
        }
        for plan in list(backend.usage_plans.values())
    ]


def _access_key(key_id: str) -> dict[str, Any] | None:
    """The owner of an access key: an IAM user or an assumed role."""
    if "moto.iam.models" not in sys.modules:
        return None
    return _user_of(key_id) or _session_of(key_id)


def _user_of(key_id: str) -> dict[str, Any] | None:
    from moto.iam.access_control import IAMUserAccessKey
    from moto.iam.models import iam_backends

    for user in list(iam_backends[ACCOUNT][PARTITION].users.values()):
        for key in list(user.access_keys):
            if key.access_key_id == key_id:
                policies = IAMUserAccessKey(ACCOUNT, PARTITION, key_id, {}).collect_policies()
                return {
                    "secret": key.secret_access_key,
                    "session_token": None,
                    "expires_at": None,
                    "active": key.status == "Active",
                    "arn": user.arn,
                    "user_id": user.id,
                    "policies": [_document(policy) for policy in policies],
                    "limits": [],
                }
    return None


def _session_of(key_id: str) -> dict[str, Any] | None:
    from moto.iam.access_control import AssumedRoleAccessKey
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    backend = iam_backends[ACCOUNT][PARTITION]
    for session in list(sts_backends[ACCOUNT][PARTITION].assumed_roles):
        if session.access_key_id == key_id:
            token = {"X-Amz-Security-Token": session.session_token}
            policies = AssumedRoleAccessKey(ACCOUNT, PARTITION, key_id, token).collect_policies()
            boundary = backend.get_role_by_arn(session.role_arn).permissions_boundary_arn
            return {
                "secret": session.secret_access_key,
                "session_token": session.session_token,
                "expires_at": session.expiration.isoformat(),
                "active": True,
                "arn": session.arn,
                "user_id": session.user_id,
                "policies": [_document(policy) for policy in policies],
                "limits": [
                    *([session.policy] if session.policy else []),
                    *([_document(backend.get_policy(boundary))] if boundary else []),
                ],
            }
    return None


def _document(policy: Any) -> str:
    """Of an inline policy, which moto keeps as text or as a record, or of a managed one."""
    if isinstance(policy, str):
        return policy
    if isinstance(policy, dict):
        return str(policy["policy_document"])
    return str(next(version.document for version in policy.versions if version.is_default))


VIEWS: dict[str, Callable[[str], Any]] = {"usage-plans": _usage_plans, "access-keys": _access_key}
