"""What a client's address means and whether the gateway may go there: pure, strict, no I/O."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal, TypeAlias
from urllib.parse import quote, urljoin

from msgspec import Struct

IPAddress: TypeAlias = IPv4Address | IPv6Address
IPNetwork: TypeAlias = IPv4Network | IPv6Network

MAX_URL_CHARS = 8192
_MAX_HOST_CHARS = 253  # RFC 1035, without the final dot

_DEFAULT_PORTS = {"https": 443, "http": 80}
_URL = re.compile(r"(https?)://([^/?#]+)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^:@\[\]]+)(?::([0-9]{1,5}))?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NEVER_IN_URLS = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029]")

# IANA's special-purpose registries (2026-10) and multicast. Written out because the standard
# library's `is_global` differs between patch releases of Python 3.11.
_SPECIAL_V4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's host agent, answering on a public address
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
# Everything outside is loopback, mapped, NAT64, local, multicast or unassigned.
_GLOBAL_V6 = IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # Teredo, ORCHID, benchmarking and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address
        "2620:4f:8000::/48",
        "3ffe::/16",
        "3fff::/20",
    )
)


class FetchRefused(Exception):
    """Why an address is not fetched; *reason* is a machine word for the log, never for clients."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Target(Struct, frozen=True, kw_only=True):
    """An address as it is fetched: nothing reads the client's text again."""

    scheme: Literal["http", "https"]
    host: str
    """Lower case ASCII; an IPv6 address without brackets."""
    port: int
    path: str
    """Path and query, percent-encoded ASCII, starting with a slash."""

    @property
    def address(self) -> IPAddress | None:
        """The host, where it is an address already."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """Value of the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address, as redirects are resolved against."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def is_ordinary(self, *, http: bool) -> bool:
        """Return whether scheme and port are those of the public web; *http* allows plain HTTP."""
        return (self.scheme == "https" or http) and self.port == _DEFAULT_PORTS[self.scheme]


def parse_target(text: str) -> Target:
    """Take a client's address apart, refusing every form that two parsers could read differently.

    Raises:
        FetchRefused: ``url``: not an http(s) address in plain form, with user-info, or too long.
            ``host``: neither a well-formed name nor an address in its usual notation.
    """
    if len(text) > MAX_URL_CHARS or _NEVER_IN_URLS.search(text):
        raise FetchRefused("url")
    url = _URL.fullmatch(text)
    authority = _AUTHORITY.fullmatch(url[2]) if url else None
    if url is None or authority is None:
        raise FetchRefused("url")
    scheme: Literal["http", "https"] = "https" if url[1].lower() == "https" else "http"
    port = int(authority[2]) if authority[2] else _DEFAULT_PORTS[scheme]
    if not 0 < port < 1 << 16:
        raise FetchRefused("url")
    path = _encoded(url[3] or "/") + _encoded(url[4] or "")
    return Target(scheme=scheme, host=_host(authority[1]), port=port, path=path)


def follow(target: Target, location: str) -> Target:
    """Return where a redirect of *target* leads; refuses like `parse_target`."""
    if len(location) > MAX_URL_CHARS or _NEVER_IN_URLS.search(location):
        raise FetchRefused("redirect")
    try:
        return parse_target(urljoin(target.url, location))
    except ValueError:
        raise FetchRefused("redirect") from None


def may_connect(
    target: Target, address: IPAddress, *, allowed: tuple[IPNetwork, ...], http: bool
) -> bool:
    """Return whether *address* may be contacted for *target*.

    Args:
        target: Decides by scheme and port.
        address: One result of resolving its host.
        allowed: The operator's networks: any port, also by plain HTTP.
        http: Whether public addresses may be contacted by plain HTTP.
    """
    if any(address in network for network in allowed):
        return True
    return target.is_ordinary(http=http) and is_public(address)


def is_public(address: IPAddress) -> bool:
    """Return whether *address* is global unicast and carries no other address inside."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _SPECIAL_V4)
    if address.scope_id is not None or address not in _GLOBAL_V6:
        return False
    return not any(address in block for block in _SPECIAL_V6)


def networks(cidrs: Iterable[str]) -> tuple[IPNetwork, ...]:
    """Read the allow-list; host bits may be set, what is not a network is left out."""
    found: list[IPNetwork] = []
    for cidr in cidrs:
        try:
            found.append(ip_network(cidr, strict=False))
        except ValueError:
            continue
    return tuple(found)


def _host(text: str) -> str:
    """Return the host in the one form that is resolved, sent and verified."""
    if text.startswith("["):
        return _ipv6(text[1:-1])
    if len(text) > _MAX_HOST_CHARS + 1:
        raise FetchRefused("host")
    host = (text if text.isascii() else _to_ascii(text)).lower().removesuffix(".")
    labels = host.split(".")
    if len(host) > _MAX_HOST_CHARS or not all(_LABEL.fullmatch(label) for label in labels):
        raise FetchRefused("host")
    # C libraries read 2130706433, 0177.1 and 0x7f.1 as addresses; only the dotted quad is let in.
    return _ipv4(host) if _NUMBER.fullmatch(labels[-1]) else host


def _to_ascii(host: str) -> str:
    import idna  # noqa: PLC0415 - its tables are large and international names are rare

    try:
        return idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError:
        raise FetchRefused("host") from None


def _ipv4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise FetchRefused("host") from None


def _ipv6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise FetchRefused("host") from None


def _encoded(text: str) -> str:
    try:
        return quote(text, safe="/?%:@!$&'()*+,;=~")
    except UnicodeEncodeError:
        raise FetchRefused("url") from None
