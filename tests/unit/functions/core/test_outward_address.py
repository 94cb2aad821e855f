"""Addresses that clients give: what is taken, and every known way to write one that leads inside."""

from ipaddress import ip_address

import pytest

from core.errors import UnsafeAddress
from core.outward_address import Target, check_public, parse

GOOD = {
    "https://photos.example.com/a/b.jpg?w=1&sig=a%2Fb": Target(
        True, "photos.example.com", 443, "/a/b.jpg?w=1&sig=a%2Fb"
    ),
    "HTTPS://Photos.Example.COM:443": Target(True, "photos.example.com", 443, "/"),
    "https://example.com?x=//@[1]": Target(True, "example.com", 443, "/?x=//@[1]"),
    "https://example.com/a#part": Target(True, "example.com", 443, "/a"),
    "https://xn--bcher-kva.example/": Target(True, "xn--bcher-kva.example", 443, "/"),
    "https://1.1.1.1/": Target(True, "1.1.1.1", 443, "/"),
    "https://[2606:4700::1111]/a": Target(True, "2606:4700::1111", 443, "/a"),
    "https://169.254.169.254.example.com/": Target(True, "169.254.169.254.example.com", 443, "/"),  # a name as any
}

HOSTILE = [
    # Not https, or not on its port
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com:443/_x",
    "data:image/png;base64,AAAA",
    "//example.com/",
    "https:example.com",
    "https:///example.com",
    "https://example.com:22/",
    "https://example.com:80/",
    "https://example.com:0443443/",
    "https://example.com:/",
    "https://example.com:+443/",
    # Somebody else's host behind a user name, or two parsers' quarrel
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://example.com@169.254.169.254/",
    "https://169.254.169.254#@example.com/\\",
    "https://example.com\\@127.0.0.1/",
    "https://example.com\\.evil.example/",
    "https://exa mple.com/",
    "https://example.com/a b",
    "https://example.com/\r\nHost: 127.0.0.1",
    "https://example.com/\n",
    " https://example.com/",
    "https://example.com/\t",
    "https://example.com\x00.evil.example/",
    "https://example%2ecom/",
    "https://%31%32%37.0.0.1/",
    "https://bücher.example/",
    "https://127。0。0。1/",
    "https://①②⑦.0.0.1/",
    "https://" + "a" * 2000 + ".com/",
    "",
    # This host, this network, the cloud's own addresses
    "https://127.0.0.1/",
    "https://127.1.2.3/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "https://169.254.170.2/v2/credentials",
    "https://192.0.0.192/",
    "https://192.88.99.1/",
    "https://198.18.0.1/",
    "https://203.0.113.5/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://localhost/",
    "https://localhost./",
    "https://metadata/",
    "https://example.com./",
    "https://-example.com/",
    "https://example..com/",
    "https://.example.com/",
    "https://" + ".".join(["a" * 63] * 5) + "/",
    # The same in other figures
    "https://2130706433/",
    "https://0x7f000001/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0x7f.0.0.1/",
    "https://127.0.0.0x1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0/",
    "https://010.0.0.1/",
    "https://256.256.256.256/",
    "https://1.2.3.4.5/",
    "https://169.254.169.254./",
    "https://0xa9fea9fe/",
    "https://2852039166/",
    # The same inside IPv6
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::127.0.0.1]/",
    "https://[0:0:0:0:0:ffff:7f00:1]/",
    "https://[64:ff9b::169.254.169.254]/",
    "https://[64:ff9b:1::a9fe:a9fe]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001:0:53aa:64c:0:0:5601:5601]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[100::1]/",
    "https://[5f00::1]/",
    "https://[127.0.0.1]/",
    "https://[1.1.1.1]/",
    "https://[::1/",
    "https://::1/",
    "https://[2606:4700::1111",
    "https://[v1.fe]/",
]


@pytest.mark.parametrize(("url", "target"), GOOD.items())
def test_plain_addresses_are_taken(url: str, target: Target) -> None:
    assert parse(url, None) == target


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_addresses_are_refused(url: str) -> None:
    with pytest.raises(UnsafeAddress) as refused:
        parse(url, "photos[0].url")
    assert refused.value.field == "photos[0].url"
    assert "127.0.0.1" not in refused.value.detail


@pytest.mark.parametrize("text", ["::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1", "2001::1", "::8.8.8.8"])
def test_public_addresses_inside_others_are_refused_as_well(text: str) -> None:
    with pytest.raises(UnsafeAddress):
        check_public(ip_address(text), None)


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "2a00:1450:4001:80b::200e"])
def test_public_addresses_are_public(text: str) -> None:
    check_public(ip_address(text), None)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8081/", "http://127.0.0.1/", "https://127.0.0.1:8080/", "http://localhost:8080/"]
)
def test_local_place_is_one_host_and_port_over_http(url: str) -> None:
    local = {("127.0.0.1", 8080)}
    assert parse("http://127.0.0.1:8080/hook", None, local) == Target(False, "127.0.0.1", 8080, "/hook")
    with pytest.raises(UnsafeAddress):
        parse(url, None, local)


def test_authority_is_what_the_host_header_has() -> None:
    assert parse("https://Example.com:443/", None).authority == "example.com"
    assert parse("https://[2606:4700::1111]/", None).authority == "[2606:4700::1111]"
    assert parse("http://127.0.0.1:8080/", None, {("127.0.0.1", 8080)}).authority == "127.0.0.1:8080"
