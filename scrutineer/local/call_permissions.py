"""Inside a function's process: every AWS call is held to the function's own role, as IAM would, and noted.

botocore loads it where `BOTOCORE_EXPERIMENTAL__PLUGINS` names it. A call that the role does not allow never leaves the
process: it fails with AccessDenied, as in AWS.
"""

import json
import os
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from scrutineer.local.call_needs import Call, Surroundings, listing, needs
from scrutineer.local.role_permissions import Grant, Need, RolePermissions

ROLE_FILE = "SCRUTINEER_ROLE_FILE"
PLUGIN = {"BOTOCORE_EXPERIMENTAL__PLUGINS": f"scrutineer={__name__}"}
PLAIN_CODE = {"s3", "sqs"}
PARAMS = "scrutineer_params"


class Answer(NamedTuple):
    """As much of an HTTP answer as botocore looks at."""

    status_code: int


class Judge:
    """Holds calls to one role. `notes` gets a line of JSON for each grant at its first use, and for every refusal."""

    def __init__(self, role_arn: str, permissions: RolePermissions, around: Surroundings, notes: Path) -> None:
        self._role_arn = role_arn
        self._permissions = permissions
        self._around = around
        self._notes = notes
        self._used: set[Grant] = set()

    def refusal_of(self, call: Call) -> str | None:
        return self.refusal(needs(call, self._around))

    def refusal(self, needed: Iterable[Need]) -> str | None:
        """None where all is allowed, else AWS's sentence on what is not."""
        for need in needed:
            if not self._allowed(need):
                return self._refused(need)
        return None

    def may_tell_absence(self, call: Call) -> bool:
        """Whether S3 would say that there is no such object, and not 403."""
        need = listing(call)
        return need is None or self._allowed(need)

    def _allowed(self, need: Need) -> bool:
        allowing = self._permissions.allowing(need)
        for grant in allowing - self._used:
            self._note({"action": grant.action, "resource": grant.resource})
        self._used |= allowing
        return bool(allowing)

    def _refused(self, need: Need) -> str:
        self._note({"action": need.action, "resource": need.resource, "refused": True})
        said = (
            f"User: {self._role_arn} is not authorized to perform: {need.action} on resource: {need.resource}"
            f" because no identity-based policy allows the {need.action} action"
        )
        print(f"AccessDenied: {said}", file=sys.stderr)
        return said

    def _note(self, line: dict[str, Any]) -> None:
        # One write in append mode: the function's processes share the file.
        with self._notes.open("a") as notes:
            notes.write(json.dumps(line) + "\n")


def initialize_client_plugin(client: Any) -> None:
    """botocore's name for what is called with every new client."""
    judge = _judge(os.environ[ROLE_FILE])
    service = client.meta.service_model.service_name
    events, event_name = client.meta.events, client.meta.service_model.service_id.hyphenize()

    def remember(params: Any, context: dict[str, Any], **_: Any) -> None:
        context[PARAMS] = params

    def hold(model: Any, params: Any, context: dict[str, Any], **_: Any) -> tuple[Answer, dict[str, Any]] | None:
        said = judge.refusal_of(_call(service, model, params, context))
        return None if said is None else (Answer(403), _problem(service, said))

    def hide_absence(http_response: Any, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if (parsed.get("Error") or {}).get("Code") not in ("NoSuchKey", "404"):
            return
        if not judge.may_tell_absence(Call(service, model.name, context[PARAMS], "", "")):
            parsed.update(_problem(service, "Access Denied"))

    events.register(f"before-parameter-build.{event_name}", remember)
    events.register(f"before-call.{event_name}", hold)
    events.register(f"after-call.{event_name}", hide_absence)
    if service == "s3":
        _hold_signatures(client, judge)


def _hold_signatures(client: Any, judge: Judge) -> None:
    """Whoever uses a signed address does so with the rights of the role that signed it."""
    sign_post, sign_url = client.generate_presigned_post, client.generate_presigned_url

    def held(operation: str, params: Any) -> None:
        from botocore.exceptions import ClientError

        said = judge.refusal_of(Call("s3", operation, params, "", ""))
        if said is not None:
            raise ClientError(_problem("s3", said), operation)

    def post(Bucket: str, Key: str, *arguments: Any, **named: Any) -> Any:
        held("PutObject", {"Bucket": Bucket, "Key": Key})
        return sign_post(Bucket, Key, *arguments, **named)

    def url(ClientMethod: str, Params: Any = None, *arguments: Any, **named: Any) -> Any:
        held(client.meta.method_to_api_mapping[ClientMethod], Params or {})
        return sign_url(ClientMethod, Params, *arguments, **named)

    client.generate_presigned_post, client.generate_presigned_url = post, url


@cache
def _judge(path: str) -> Judge:
    role = json.loads(Path(path).read_text())
    return Judge(
        role["arn"],
        RolePermissions(role["statements"]),
        Surroundings(role["region"], role["account"], role["keys"]),
        Path(role["notes"]),
    )


def _call(service: str, model: Any, request: Any, context: dict[str, Any]) -> Call:
    return Call(
        service, model.name, context.get(PARAMS) or {}, request["method"], request["url_path"].partition("?")[0]
    )


def _problem(service: str, said: str) -> dict[str, Any]:
    code = "AccessDenied" if service in PLAIN_CODE else "AccessDeniedException"
    return {"Error": {"Code": code, "Message": said}, "ResponseMetadata": {"HTTPStatusCode": 403, "HTTPHeaders": {}}}
