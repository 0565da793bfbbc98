"""How many connections a server process serves at once (F-CFG-124)."""

import select
import socket
from pathlib import Path

import pytest

from service import Service, service

pytestmark = pytest.mark.e2e

REQUEST = b"GET /health HTTP/1.1\r\nHost: gateway\r\n\r\n"
WAIT_MS = 500
"""An answer takes some milliseconds."""


def connected(running: Service) -> socket.socket:
    host, _, port = running.base.removeprefix("http://").partition(":")
    peer = socket.create_connection((host, int(port)), timeout=10)
    peer.sendall(REQUEST)
    return peer


def test_connections_over_the_limit_wait_for_one_to_end(tmp_path: Path) -> None:
    environ = {"GROKGATE__SERVER__MAX_CONNECTIONS": "2"}
    with (
        service(tmp_path, environ=environ) as running,
        connected(running) as first,
        connected(running) as second,
    ):
        assert [peer.recv(12) for peer in (first, second)] == [b"HTTP/1.1 200"] * 2
        with connected(running) as third:
            waiting = select.poll()
            waiting.register(third, select.POLLIN)
            served = waiting.poll(WAIT_MS)
            first.close()

            assert served == []
            assert third.recv(12) == b"HTTP/1.1 200"
