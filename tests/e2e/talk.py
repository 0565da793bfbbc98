"""A client of ``/v1/responses`` over a WebSocket."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from e2e.endpoints import RESPONSES, Heard
from e2e.probe import KEY, Probe
from grammar.responses import Event, check_events

ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class Talk:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._events: list[Event] = []
        """Of the turn that is being read."""
        self.response_id = ""
        """Of the last turn that was read."""

    async def create(self, prompt: str = "hi", **more: Any) -> None:
        """Ask for a turn."""
        await self.say({"type": "response.create", **RESPONSES.body(prompt, **more)})

    async def say(self, message: object) -> None:
        """Send any message."""
        await self._socket.send(json.dumps(message))

    async def event(self) -> Event:
        """Return the next message; an error outside of a turn has a status."""
        event: Event = json.loads(await self._socket.recv())
        if "status" not in event:
            self._events.append(event)
        return event

    async def until(self, word: str) -> str:
        """Read until a piece of text holds *word*; returns the id of the response."""
        while word not in (await self.event()).get("delta", ""):
            pass
        return str(self._events[0]["response"]["id"])

    async def turn(self) -> Heard:
        """Read the turn to its end, and check its events."""
        while (await self.event())["type"] not in ENDS:
            pass
        events, self._events = self._events, []
        check_events(events)
        self.response_id = str(events[-1]["response"]["id"])
        return RESPONSES.told(events)

    async def closed(self) -> int | None:
        """Wait for the close frame of the gateway; returns its code."""
        await self._socket.wait_closed()
        return self._socket.close_code

    def leave(self) -> None:
        """Close at once, without a word."""
        self._socket.transport.abort()


@asynccontextmanager
async def talking(gateway: Probe, *, key: str = KEY) -> AsyncIterator[Talk]:
    """Open a connection."""
    address = gateway.service.base.replace("http", "ws", 1) + RESPONSES.path
    headers = {"authorization": f"Bearer {key}"}
    async with connect(
        address, additional_headers=headers, compression=None, proxy=None, ping_interval=None
    ) as socket:
        yield Talk(socket)
