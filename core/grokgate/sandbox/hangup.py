"""Ending a TCP connection under the server's feet: ASGI can close a WebSocket only politely.

Servers answer an application that fails in mid-conversation with a close frame of their own, so
that a client never sees what a lost connection looks like. The sandbox runs in the process of its
server and may shut the connection down itself.
"""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

_DESCRIPTORS = Path("/dev/fd")


def hang_up(client: tuple[str, int]) -> bool:
    """Shut down the connection to *client*; False: this process has none, or may not look."""
    for connection in _connections():
        with connection:
            if _peer(connection) == client:
                connection.shutdown(socket.SHUT_RDWR)
                return True
    return False


def _connections() -> Iterator[socket.socket]:
    if not _DESCRIPTORS.is_dir():
        return
    for entry in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - names are all that is needed
        try:
            descriptor = os.dup(int(entry))
        except OSError:
            continue
        try:
            yield socket.socket(fileno=descriptor)
        except OSError:
            os.close(descriptor)


def _peer(connection: socket.socket) -> tuple[str, int] | None:
    try:
        peer = connection.getpeername()
    except OSError:
        return None
    return (peer[0], peer[1]) if isinstance(peer, tuple) else None
