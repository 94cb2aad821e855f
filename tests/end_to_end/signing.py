"""Requests signed as a machine in AWS signs them, by botocore's own code."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from scrutineer.local.machines import Machine
from scrutineer.local.template_model import REGION


class _At(SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """Signs as if its clock were off."""

    def __init__(self, credentials: Credentials, off_by: timedelta) -> None:
        super().__init__(credentials, "execute-api", REGION)
        self._off_by = off_by

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        request.context["timestamp"] = (datetime.now(UTC) + self._off_by).strftime(SIGV4_TIMESTAMP)
        super()._modify_request_before_signing(request)


def credentials_of(machine: Machine) -> Credentials:
    return Credentials(machine.access_key_id, machine.secret)


def sign(
    url: str,
    credentials: Credentials,
    method: str,
    body: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
    off_by: timedelta = timedelta(0),
) -> httpx.Request:
    """A signed request, to be sent as it is, changed or replayed."""
    content = b"" if body is None else json.dumps(body).encode()
    sent = {**(headers or {}), **({} if body is None else {"Content-Type": "application/json"})}
    request = AWSRequest(method, url, sent, content)
    _At(credentials, off_by).add_auth(request)
    return httpx.Request(method, request.url, headers=dict(request.headers), content=content)
