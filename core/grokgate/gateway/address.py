"""Where a gateway is found: what follows from its listen address and its public one."""

import ipaddress

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
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"http://{host}:{server.port}"
