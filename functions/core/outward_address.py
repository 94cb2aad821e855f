"""Which addresses of others may be asked: https on port 443, and nothing that leads inside."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from core.errors import UnsafeAddress

LONGEST_URL = 2_000
HTTPS_PORT = 443

# RFC 3986, less than all of it: whatever two parsers could read differently is no address to us.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
    r"(?P<target>([/?][!$%&'()*+,\-./0-9:;=?@A-Z_a-z~\[\]]*)?)(#[\x21-\x7e]*)?",
    re.IGNORECASE | re.ASCII,
)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_TOP_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")  # a last label that begins with a digit is read as a number

# All that is handed out of IPv6, and in it what is for documentation, for protocols, or has an IPv4 address inside
# (Teredo in 2001::/23, 6to4). Mapped, compatible and NAT64 addresses lie outside.
_IPV6_UNICAST = IPv6Network("2000::/3")
_IPV6_SPECIAL = tuple(IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_IPV4_SPECIAL = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))  # protocols; relays to 6to4

LocalPlace = tuple[str, int]
"""A host and a port on this machine that may be asked over plain http, in tests and in the local stack."""


@dataclass(frozen=True)
class Target:
    """Where to ask: `host` in lower case, without brackets; `target` is the path with its query."""

    tls: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """As the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == HTTPS_PORT else f"{host}:{self.port}"

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The address that `host` is, if it is not a name."""
        return ip_address(self.host) if ":" in self.host or self.host.replace(".", "").isdigit() else None


def parse(url: str, field: str | None, local: Collection[LocalPlace] = ()) -> Target:
    """Raises UnsafeAddress for anything but `https://name-or-address[:443][/path]`, or a place in `local`."""
    found = _URL.fullmatch(url) if len(url) <= LONGEST_URL else None
    if found is None:
        raise UnsafeAddress(
            "The address must be https://host/path in ASCII, without user name or password.", field=field
        )
    tls = found["scheme"].lower() == "https"
    host = found["host"].lower().strip("[]")
    port = int(found["port"]) if found["port"] else HTTPS_PORT if tls else 80
    target = found["target"] or "/"
    if not target.startswith("/"):
        target = f"/{target}"
    if not tls and (host, port) in local:
        return Target(tls, host, port, target)
    if not tls or port != HTTPS_PORT:
        raise UnsafeAddress("The address must be https on port 443.", field=field)
    _check_host(host, found["host"].startswith("["), field)
    return Target(tls, host, port, target)


def check_public(address: IPv4Address | IPv6Address, field: str | None) -> None:
    """Raises UnsafeAddress for whatever is not a public unicast address, or has another address inside."""
    if isinstance(address, IPv6Address):
        special = address not in _IPV6_UNICAST or any(address in network for network in _IPV6_SPECIAL)
    else:
        special = any(address in network for network in _IPV4_SPECIAL)
    if special or not address.is_global or address.is_multicast or address.is_reserved:
        raise UnsafeAddress("The address does not lead to a public host.", field=field)


def _check_host(host: str, bracketed: bool, field: str | None) -> None:
    """An address in its one usual form, or a name that can't be taken for a number or for a host of this network."""
    if bracketed or host.replace(".", "").isdigit():
        try:
            address = ip_address(host)
        except ValueError as error:
            raise UnsafeAddress("The host is not an IP address in its usual form.", field=field) from error
        if bracketed != (address.version == 6):
            raise UnsafeAddress("The host is not an IP address in its usual form.", field=field)
        check_public(address, field)
        return
    *labels, top = host.split(".")
    if not labels or len(host) > 253 or not all(map(_LABEL.fullmatch, labels)) or not _TOP_LABEL.fullmatch(top):
        raise UnsafeAddress("The host must be a full name, such as photos.example.com.", field=field)
