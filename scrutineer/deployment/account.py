"""An AWS account to look at: every call is bounded in time, and what goes wrong is one of three things.

`CouldNotLook` says why nothing can be told (no credentials, a missing permission, no answer); `Refused` is AWS's own
answer, which a check understands or hands on as CouldNotLook.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 20
ATTEMPTS = 2
LONGEST_MESSAGE = 200  # characters; what is no AWS may send a page
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
        "UnauthorizedException",
        "NotAuthorized",
        "Forbidden",
        "403",
    }
)
NOT_SIGNED_IN = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "AuthFailure",
        "InvalidToken",
    }
)
# IAM's name of an action is the name by which a service signs, and the operation; these differ.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
ACTIONS = {
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "HeadObject"): "s3:GetObject",
    ("apigateway", "GetAccount"): "apigateway:GET",
    ("lambda", "GetFunctionConfiguration"): "lambda:GetFunctionConfiguration",
    ("resourcegroupstaggingapi", "GetResources"): "tag:GetResources",
}


class CouldNotLook(Exception):
    """One line on why: "needs ec2:DescribeAddresses", "no credentials", "no answer from …"."""


class NotSignedIn(CouldNotLook):
    """There are no credentials, or none that AWS takes: nothing of the account can be looked at."""


class Refused(CouldNotLook):
    """AWS's own answer, by its `code`."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"AWS answered {code}: {message}")


class Account(Protocol):
    @property
    def region(self) -> str | None: ...

    def ask(self, service: str, operation: str, /, region: str | None = None, **parameters: Any) -> Mapping[str, Any]:
        """One call, by boto3's names: `ask("sts", "get_caller_identity")`. Raises CouldNotLook."""

    def all(self, service: str, operation: str, key: str, /, **parameters: Any) -> Iterator[Any]:
        """Every member of the list `key`, over all pages. Raises CouldNotLook."""


class BotoAccount:
    """By boto3, which is imported at the first call; `endpoint_url` is for an emulator."""

    def __init__(
        self,
        *,
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        keys: Mapping[str, str] | None = None,
    ) -> None:
        self._region = region
        self._profile = profile
        self._endpoint_url = endpoint_url
        self._keys = keys or {}
        self._found: Any = None
        self._clients: dict[tuple[str, str | None], Any] = {}

    @property
    def region(self) -> str | None:
        region: str | None = self._session().region_name
        return region

    def ask(self, service: str, operation: str, /, region: str | None = None, **parameters: Any) -> Mapping[str, Any]:
        with _translated(service, operation):
            answer: dict[str, Any] = getattr(self._client(service, region), operation)(**parameters)
            return answer

    def all(self, service: str, operation: str, key: str, /, **parameters: Any) -> Iterator[Any]:
        with _translated(service, operation):
            client = self._client(service, None)
            if not client.can_paginate(operation):
                yield from getattr(client, operation)(**parameters)[key]
                return
            for page in client.get_paginator(operation).paginate(**parameters):
                yield from page.get(key, ())

    def _session(self) -> Any:
        if self._found is None:
            import boto3
            from botocore.exceptions import BotoCoreError

            try:
                self._found = boto3.Session(region_name=self._region, profile_name=self._profile, **self._keys)
            except BotoCoreError as error:
                raise NotSignedIn(f"no credentials: {error}") from error
        return self._found

    def _client(self, service: str, region: str | None) -> Any:
        key = (service, region)
        if key not in self._clients:
            from botocore.config import Config

            config = Config(
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            )
            self._clients[key] = self._session().client(
                service, region_name=region, endpoint_url=self._endpoint_url, config=config
            )
        return self._clients[key]


class _translated:
    """Turns what botocore raises into CouldNotLook, in one line without a secret."""

    def __init__(self, service: str, operation: str) -> None:
        self._service = service
        self._operation = operation

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if error is None:
            return
        from botocore import exceptions as boto
        from botocore.parsers import ResponseParserError

        if isinstance(error, boto.ClientError):
            raise _answered(self._service, error.operation_name, error.response["Error"]) from error
        if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError | boto.CredentialRetrievalError):
            raise NotSignedIn(f"no credentials: {_line(error)}") from error
        if isinstance(error, boto.TokenRetrievalError | boto.UnauthorizedSSOTokenError | boto.SSOError):
            raise NotSignedIn(f"the sign-in has ended: {_line(error)}") from error
        if isinstance(error, boto.NoRegionError):
            raise NotSignedIn("no region is set: give --region, or AWS_REGION") from error
        if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
            raise CouldNotLook(f"no answer from {self._service}: {_line(error)}") from error
        if isinstance(error, boto.BotoCoreError):
            raise CouldNotLook(_line(error)) from error
        if isinstance(error, ResponseParserError):  # such as a proxy's page; it would be repeated whole
            raise CouldNotLook(f"what answered for {self._service} is not AWS") from error


def _answered(service: str, operation: str, error: Mapping[str, Any]) -> CouldNotLook:
    code, message = str(error.get("Code")), str(error.get("Message", ""))
    if code in NOT_SIGNED_IN:
        return NotSignedIn(f"the credentials are not taken ({code})")
    if code in DENIED:
        return CouldNotLook(f"needs {action(service, operation)}")
    return Refused(code, " ".join(message.split())[:LONGEST_MESSAGE])


def action(service: str, operation: str) -> str:
    """IAM's name of the action, such as ec2:DescribeAddresses."""
    if (service, operation) in ACTIONS:
        return ACTIONS[service, operation]
    return f"{_signing_name(service)}:{operation}"


def _signing_name(service: str) -> str:
    from botocore.loaders import create_loader

    metadata = create_loader().load_service_model(service, "service-2")["metadata"]
    return str(metadata.get("signingName") or metadata["endpointPrefix"])


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
