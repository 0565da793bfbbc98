"""Calls over HTTP: routing, checks, answers, disconnects.

Every exchange runs as a task of its own beside one that waits for the client to leave, so that an
abandoned exchange ends at once, however slow or silent it is.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

import msgspec

from grokgate.sandbox import gate
from grokgate.sandbox.journal import Exchange, Outcome
from grokgate.sandbox.pacing import hold_back, send_pieces
from grokgate.sandbox.refusals import refused
from grokgate.sandbox.request import (
    MAX_BODY,
    AbruptClose,
    Answered,
    Receive,
    Reply,
    Request,
    Scope,
    Send,
    Stream,
    parse_head,
    read_body,
)
from grokgate.sandbox.routes import Found, PublicRoute, Route, Router
from grokgate.sandbox.world import World


class HttpSide:
    """Serves the calls of one sandbox."""

    def __init__(self, world: World, router: Router) -> None:
        self._world = world
        self._router = router
        self._under_way: set[asyncio.Task[Outcome]] = set()

    def cut(self) -> None:
        """End all exchanges in mid-air, however slow or silent they are."""
        for task in self._under_way:
            task.cancel()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call and keep it in the journal."""
        head = parse_head(scope)
        exchange = self._world.journal.open(head)
        outcome: Outcome = "abandoned"
        try:
            outcome = await self._to_its_end(self._exchange(head, exchange, receive, send))
        except AbruptClose:
            outcome = "cut"
            raise
        finally:
            self._world.journal.close(exchange, outcome)

    async def _to_its_end(self, exchanging: Coroutine[Any, Any, Outcome]) -> Outcome:
        """Let an exchange run until it ends or `cut` ends it."""
        task = asyncio.create_task(exchanging)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            await asyncio.wait((task,))
        finally:
            task.cancel()
        if task.cancelled():
            raise AbruptClose("the sandbox stops")
        return task.result()

    async def _exchange(
        self, head: Request, exchange: Exchange, receive: Receive, send: Send
    ) -> Outcome:
        body = await read_body(receive)
        if body is None:
            return "abandoned"
        exchange.record(body)
        request = msgspec.structs.replace(head, body=body)
        answering = asyncio.create_task(self._answer(request, exchange, send))
        leaving = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not answering.done():
                answering.cancel()
        if not answering.done():
            return "abandoned"
        answering.result()
        return "answered"

    async def _answer(self, request: Request, exchange: Exchange, send: Send) -> None:
        answered = await self._decide(request, exchange)
        match answered:
            case Reply():
                exchange.status = answered.status
                await send_reply(answered, send)
                exchange.bytes_sent = len(answered.body)
            case Stream():
                exchange.status = answered.status
                await _start(answered.status, {**_STREAM_HEADERS, **answered.headers}, send)
                await send(_FLUSH)
                await send_pieces(answered, send, exchange)
                await send({"type": "http.response.body", "body": b""})

    async def _decide(self, request: Request, exchange: Exchange) -> Answered:
        """Find the endpoint, let rules act, check the request, and let the endpoint answer."""
        world = self._world
        found = self._router.find(request.method, request.path)
        if found is None:
            return world.refuse(exchange, "not_found")
        exchange.endpoint = found.route.name
        if len(request.body) > MAX_BODY:
            return world.refuse(exchange, "too_large")
        gate.identify(world, request, exchange)
        exchange.faults = actions = world.rules.match(gate.call_of(world, request, exchange))
        await hold_back(actions)
        if (reply := refused(world, actions)) is not None:
            return reply
        return await self._ask(found, request, exchange)

    async def _ask(self, found: Found, request: Request, exchange: Exchange) -> Answered:
        world, route = self._world, found.route
        if isinstance(route, PublicRoute):
            return await route.answer(world, request, found.params)
        assert isinstance(route, Route)
        visit = gate.visit(
            world,
            request,
            exchange,
            entry=route,
            actions=exchange.faults,
            params=found.params,
        )
        return visit if isinstance(visit, Reply) else await route.answer(visit)


async def send_reply(reply: Reply, send: Send, *, kind: str = "http") -> None:
    """Send a whole answer; *kind* ``websocket.http`` refuses a handshake with it."""
    headers = {
        "content-type": reply.content_type,
        **reply.headers,
        "content-length": str(len(reply.body)),
    }
    await _start(reply.status, headers, send, kind=kind)
    await send({"type": f"{kind}.response.body", "body": reply.body})


async def _disconnected(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(
    status: int, headers: Mapping[str, str], send: Send, *, kind: str = "http"
) -> None:
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": f"{kind}.response.start", "status": status, "headers": pairs})


# granian holds the status back until the first body message.
_FLUSH = {"type": "http.response.body", "body": b"", "more_body": True}
_STREAM_HEADERS = {"content-type": "application/json", "cache-control": "no-cache"}
