"""Signature Version 4 as API Gateway checks it: the same canonical request, by botocore's own code.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, HTTPHeaders
from botocore.credentials import Credentials

from scrutineer.local.gateway_event import Request
from scrutineer.local.gateway_responses import Refused
from scrutineer.local.iam_identities import Identity
from scrutineer.local.template_model import REGION

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "execute-api"
CLOCK_SKEW = timedelta(minutes=5)
TIMESTAMP = "%Y%m%dT%H%M%SZ"
PART = re.compile(r"(Credential|SignedHeaders|Signature)=([^\s,=]+)")
# Each of them means something here, so that two of them would mean two things.
SINGLE = ("authorization", "host", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256")


@dataclass(frozen=True)
class Claim:
    """What the Authorization header says of itself."""

    access_key_id: str
    signed_headers: tuple[str, ...]
    signature: str = field(repr=False)
    timestamp: str


def verified_identity(
    request: Request, signed_path: str, *, find: Callable[[str], Identity | None], now: datetime
) -> Identity:
    """Who signed `request`. `signed_path` is its path as sent, with the stage. Raises `Refused`."""
    claim = read_claim(request, now)
    identity = find(claim.access_key_id)
    token = _values(request, "x-amz-security-token")
    if identity is None or not identity.active or not _equal("".join(token), identity.session_token or ""):
        raise Refused(
            "INVALID_SIGNATURE",
            error_type="UnrecognizedClientException",
            message="The security token included in the request is invalid.",
        )
    if not _equal(claim.signature, _signature(request, signed_path, claim, identity)):
        raise _invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details."
        )
    if identity.expires_at is not None and identity.expires_at <= now:
        raise Refused("EXPIRED_TOKEN")
    return identity


def read_claim(request: Request, now: datetime) -> Claim:
    """Checks all of the claim that needs no secret. Raises `Refused`."""
    if not _values(request, "authorization"):
        if "x-amz-algorithm=" in request.query.lower():
            raise _incomplete("A signature in the query string is not emulated by the local stack: sign in a header.")
        raise Refused("MISSING_AUTHENTICATION_TOKEN")
    for name in SINGLE:
        if len(_values(request, name)) > 1:
            raise _invalid(f"The header {name} is there more than once.")
    parts = signature_parts(request)
    timestamp = "".join(_values(request, "x-amz-date"))
    signed_headers = tuple(parts["SignedHeaders"].lower().split(";"))
    for name in ("host", "x-amz-date"):
        if name not in signed_headers or not _values(request, name):
            raise _invalid(f"'{name}' must be a signed header in the AWS request.")
    for name in signed_headers:
        if not _values(request, name):
            raise _invalid(f"The signed header '{name}' is not in the request.")
    _check_time(timestamp, now)
    access_key_id, _, scope = parts["Credential"].partition("/")
    expected = f"{timestamp[:8]}/{REGION}/{SERVICE}/aws4_request"
    if scope != expected:
        raise _invalid(f"Credential should be scoped to {expected}, not '{scope}'.")
    sent_hash = _values(request, "x-amz-content-sha256")
    if sent_hash and not _equal(sent_hash[0], hashlib.sha256(request.body).hexdigest()):
        raise _invalid("The body does not have the hash that x-amz-content-sha256 gives.")
    return Claim(access_key_id, signed_headers, parts["Signature"], timestamp)


def signature_parts(request: Request) -> dict[str, str]:
    """The three parts of the Authorization header. Raises `Refused` if it is no signature."""
    algorithm, _, rest = "".join(_values(request, "authorization")).partition(" ")
    parts = dict(PART.findall(rest))
    missing = [name for name in ("Credential", "SignedHeaders", "Signature") if name not in parts]
    if algorithm != ALGORITHM or missing:
        what = " and ".join(missing) if algorithm == ALGORITHM else ALGORITHM
        # API Gateway repeats the header here; it may be somebody's token.
        raise _incomplete(f"Authorization header requires {what}.")
    return parts


class _ReceivedSignature(SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """Covers the headers that were signed, where botocore as a client would choose them."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        return request.headers


def _signature(request: Request, signed_path: str, claim: Claim, identity: Identity) -> str:
    headers = HTTPHeaders()
    for name, value in request.headers:
        if name.lower() in claim.signed_headers:
            headers[name.lower()] = value
    received = AWSRequest(
        method=request.method,
        # Only the path is read of it, and that a plain http address has its body signed.
        url=f"http://gateway{signed_path}",
        headers=headers,
        data=request.body,
        # Encoded anew, as the canonical form wants it; "+" is no blank in it.
        params=[_decoded(pair) for pair in request.query.split("&") if pair],
    )
    received.context["timestamp"] = claim.timestamp
    auth: Any = _ReceivedSignature(Credentials(identity.access_key_id, identity.secret), SERVICE, REGION)
    return str(auth.signature(auth.string_to_sign(received, auth.canonical_request(received)), received))


def _decoded(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    return unquote(name), unquote(value)


def _check_time(timestamp: str, now: datetime) -> None:
    try:
        at = datetime.strptime(timestamp, TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete("Date must be in ISO-8601 'basic format', as 20260131T235959Z.") from None
    if at < now - CLOCK_SKEW:
        raise _invalid(f"Signature expired: {timestamp} is now earlier than {_text(now - CLOCK_SKEW)}.")
    if at > now + CLOCK_SKEW:
        raise _invalid(f"Signature not yet current: {timestamp} is still later than {_text(now + CLOCK_SKEW)}.")


def _text(at: datetime) -> str:
    return f"{at.strftime(TIMESTAMP)} (5 min. from the gateway's clock)"


def _values(request: Request, name: str) -> list[str]:
    return [value for known, value in request.headers if known.lower() == name]


def _equal(one: str, other: str) -> bool:
    """In constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def _invalid(message: str) -> Refused:
    return Refused("INVALID_SIGNATURE", message=message)


def _incomplete(message: str) -> Refused:
    return Refused("INVALID_SIGNATURE", error_type="IncompleteSignatureException", message=message)
