"""Where a request comes from (S5, F-AUTH-06)."""

from typing import Any

import pytest

from grokgate.http.origin import client_address, is_same_origin, is_secure

PROXIES = ("10.0.0.0/8", "2001:db8::/32")


def scope(peer: str | None = "10.0.0.1", scheme: str = "http", **headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    client = (peer, 1) if peer else None
    return {"type": "http", "scheme": scheme, "client": client, "headers": named}


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db9::1]:4711", "2001:db9::1"),
        ("2001:db8::1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        (None, "198.51.100.1", ""),
    ],
)
def test_the_address_is_the_last_that_no_trusted_proxy_has(
    peer: str | None, forwarded: str, expected: str
) -> None:
    assert client_address(scope(peer, x_forwarded_for=forwarded), PROXIES) == expected


def test_without_trusted_proxies_the_peer_counts() -> None:
    assert client_address(scope("127.0.0.1", x_forwarded_for="198.51.100.1"), ()) == "127.0.0.1"


@pytest.mark.parametrize(
    ("peer", "scheme", "told", "expected"),
    [
        ("192.0.2.1", "http", "https", False),
        ("10.0.0.1", "http", "https", True),
        ("10.0.0.1", "http", "http", False),
        ("192.0.2.1", "https", "http", True),
        ("192.0.2.1", "wss", "", True),
    ],
)
def test_tls_is_the_connections_own_or_told_by_a_trusted_proxy(
    peer: str, scheme: str, told: str, *, expected: bool
) -> None:
    assert is_secure(scope(peer, scheme, x_forwarded_proto=told), PROXIES) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "cross-site", "origin": "https://evil.example"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://here.example:8000"}, True),
        ({"origin": "https://here.example:8000"}, True),
        ({"origin": "http://here.example"}, False),
        ({"origin": "https://gate.example"}, True),
        ({"origin": "https://gate.example:444"}, False),
        ({"origin": "https://gate.example.evil.example"}, False),
        ({"origin": "http://[broken"}, False),
    ],
)
def test_the_same_origin_is_the_browsers_word_or_host_and_port(
    headers: dict[str, str], *, expected: bool
) -> None:
    asked = scope(host="here.example:8000", **headers)

    assert is_same_origin(asked, "https://gate.example/") is expected


def test_a_default_port_may_be_left_out() -> None:
    assert is_same_origin(scope(host="here.example", origin="https://here.example:443"), "")
