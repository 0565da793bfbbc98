"""Servers of tests never meet on one port: the ASGI server would share it without a word."""

import asyncio
import socket

import pytest

from grokgate.testing import kept_port, running_sandbox

pytestmark = pytest.mark.anyio


async def test_kept_port_is_nobody_elses() -> None:
    with kept_port() as port, socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))


async def test_port_of_a_sandbox_is_nobody_elses() -> None:
    async with running_sandbox() as (_, base):
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", int(base.rpartition(":")[2])))


async def test_kept_port_refuses_connections() -> None:
    with kept_port() as port, pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
