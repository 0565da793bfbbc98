"""``grokgate health``: asks the service of this machine whether it works, for whoever watches it.

Only the standard library is imported: an image asks twice a minute for as long as it runs.
"""

import argparse
import os
import sys
from contextlib import closing
from http.client import HTTPConnection, HTTPException

_TIMEOUT_S = 4.0
"""Seconds for the connection, and for the answer."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
"""Addresses that are listened on → those to call then."""


def check(arguments: argparse.Namespace) -> int:
    """Ask the address that ``SERVER_HOST`` and ``SERVER_PORT`` name; 1: no good answer came."""
    path = "/ready" if arguments.ready else "/health"
    host = os.environ.get("SERVER_HOST") or "127.0.0.1"
    port = os.environ.get("SERVER_PORT") or "8000"
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


def _status(address: str, path: str) -> int:
    """Return the status of a GET that neither follows proxies nor redirections."""
    with closing(HTTPConnection(address, timeout=_TIMEOUT_S)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status
