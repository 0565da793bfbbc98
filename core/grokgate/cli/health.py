"""``grokgate health``: asks the service of this machine whether it works, for whoever watches it.

Only the standard library is imported where nothing but variables can name the address: an image
asks twice a minute for as long as it runs.
"""

import argparse
import os
import sys
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

_TIMEOUT_S = 4.0
"""Seconds for the connection, and for the answer."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
"""Addresses that are listened on → those to call then."""
_SETTINGS = "GROKGATE__SERVER__"


def check(arguments: argparse.Namespace) -> int:
    """Ask the address that `serve` listens on; 1: no good answer came."""
    path = "/ready" if arguments.ready else "/health"
    host, port = _told_by_variables() if _has_only_variables() else _told_by_anything()
    try:
        status = _status(f"[{_EVERYWHERE.get(host, host)}]:{port}", path)
    except (HTTPException, OSError) as error:
        reason = str(error) or repr(error)
    else:
        if status == 200:  # noqa: PLR2004 - OK
            return 0
        reason = f"status {status}"
    print(f"grokgate: {path} of {host} port {port}: {reason}", file=sys.stderr)
    return 1


def _has_only_variables() -> bool:
    """Tell whether neither ``.env`` nor the file of settings says anything of an address."""
    file = Path(os.environ.get("DATA_DIR") or "data") / "config.toml"
    if Path(".env").exists() or any(name.startswith(_SETTINGS) for name in os.environ):
        return False
    return not file.exists() or b"server" not in file.read_bytes()


def _told_by_variables() -> tuple[str, str]:
    host, port = os.environ.get("SERVER_HOST"), os.environ.get("SERVER_PORT")
    return host or "127.0.0.1", port or "8000"


def _told_by_anything() -> tuple[str, str]:
    """Read what `serve` reads.

    Raises:
        StartupError: It cannot be read.
    """
    from grokgate.cli.place import environment  # noqa: PLC0415 - takes a third of a second
    from grokgate.settings import read_boot  # noqa: PLC0415 - likewise

    server = read_boot(None, environment()).server
    return server.host, str(server.port)


def _status(address: str, path: str) -> int:
    """Return the status of a GET that neither follows proxies nor redirections."""
    with closing(HTTPConnection(address, timeout=_TIMEOUT_S)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status
