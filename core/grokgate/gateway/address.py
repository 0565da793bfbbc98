"""Where a gateway is found: what follows from its listen address and its public one."""

import ipaddress
from urllib.parse import urlsplit

from grokgate.settings.startup import ServerSettings


def is_loopback(host: str) -> bool:
    """Tell whether the listen address *host* is reachable from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def public_base(app_url: str, server: ServerSettings) -> str:
    """Return the origin of links, without a slash at its end; empty: nobody knows it (S10)."""
    if app_url:
        return app_url.rstrip("/")
    if not is_loopback(server.host) or not server.port:
        return ""
    return local_base(server)


def operator_base(app_url: str, server: ServerSettings) -> str:
    """Return where the operator's browser finds the gateway, without a slash at its end.

    A public address that is this machine itself, such as one of a configuration that was taken
    over, says nothing that the listen address does not know better.
    """
    if not app_url or is_loopback(urlsplit(app_url).hostname or ""):
        return local_base(server)
    return app_url.rstrip("/")


def local_base(server: ServerSettings) -> str:
    """Return the origin at which this machine reaches the gateway."""
    host = dialled(server.host)
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{server.port}"


def dialled(host: str) -> str:
    """Name an address that can be connected to, where the server listens on all of them."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return host
