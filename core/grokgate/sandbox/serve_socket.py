"""WebSockets: handshakes that may be refused with any status and body, then a conversation.

Raw ASGI, because frameworks refuse a handshake with status 403 and nothing else.
"""

import asyncio
from contextlib import suppress

from grokgate.sandbox import gate
from grokgate.sandbox.journal import Exchange, Outcome
from grokgate.sandbox.pacing import delay_handshake
from grokgate.sandbox.refusals import refused, refused_handshake
from grokgate.sandbox.request import AbruptClose, Receive, Reply, Request, Scope, Send, parse_head
from grokgate.sandbox.routes import Router, SocketRoute
from grokgate.sandbox.serve_http import send_reply
from grokgate.sandbox.socket import DROPPED, Socket, SocketClosed
from grokgate.sandbox.world import Visit, World


class SocketSide:
    """Serves the sockets of one sandbox."""

    def __init__(self, world: World, router: Router) -> None:
        self._world = world
        self._router = router

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Shake hands or refuse to, converse, and keep it in the journal."""
        head = parse_head(scope)
        exchange = self._world.journal.open(head)
        outcome: Outcome = "abandoned"
        try:
            await receive()
            outcome = await self._exchange(scope, head, exchange, receive, send)
        finally:
            self._world.journal.close(exchange, outcome)
        if outcome == "cut":
            raise AbruptClose

    async def _exchange(
        self, scope: Scope, head: Request, exchange: Exchange, receive: Receive, send: Send
    ) -> Outcome:
        decided = await self._decide(head, exchange)
        if isinstance(decided, Reply):
            exchange.status = decided.status
            await send_reply(decided, send, kind="websocket.http")
            return "answered"
        route, visit = decided
        exchange.status = _SWITCHING
        await send({"type": "websocket.accept"})
        client = scope.get("client")
        address = (str(client[0]), int(client[1])) if client else None
        await self._converse(route, visit, Socket(receive, send, exchange, address))
        if exchange.close_code == DROPPED:
            return "cut"
        return "abandoned" if exchange.close_code is None and not exchange.complete else "answered"

    async def _decide(
        self, request: Request, exchange: Exchange
    ) -> Reply | tuple[SocketRoute, Visit]:
        """Find the endpoint, let rules act on the handshake, and check it."""
        world = self._world
        found = self._router.find("WS", request.path)
        if found is None or not isinstance(found.route, SocketRoute):
            return world.refuse(exchange, "not_found")
        exchange.endpoint = found.route.name
        gate.identify(world, request, exchange)
        call = gate.call_of(world, request, exchange)
        exchange.faults = actions = world.rules.match(call, by_content=False)
        await delay_handshake(actions)
        reply = refused(world, actions) or refused_handshake(world, actions)
        if reply is not None:
            return self._echoed(exchange, reply)
        visit = gate.visit(
            world,
            request,
            exchange,
            entry=found.route,
            actions=actions,
            params=found.params,
        )
        if isinstance(visit, Reply):
            return visit
        visit.account.unread = None
        return found.route.check(visit) or (found.route, visit)

    def _echoed(self, exchange: Exchange, reply: Reply) -> Reply:
        """Let the account's next session probe see what no client can read of a handshake."""
        account = self._world.accounts.find(exchange.account or "")
        if account is not None and reply.status in _HIDES_A_CAUSE:
            account.unread = reply
        return reply

    async def _converse(self, route: SocketRoute, visit: Visit, socket: Socket) -> None:
        world = self._world
        world.open_sockets.add(socket)
        talking = asyncio.create_task(_to_its_end(route, visit, socket))
        closing = asyncio.create_task(socket.until_closed())
        try:
            await asyncio.wait((talking, closing), return_when=asyncio.FIRST_COMPLETED)
            if talking.done():
                talking.result()
                await socket.close()
        finally:
            world.open_sockets.discard(socket)
            talking.cancel()
            closing.cancel()


async def _to_its_end(route: SocketRoute, visit: Visit, socket: Socket) -> None:
    """Converse; that the socket closes is an end like any other."""
    with suppress(SocketClosed):
        await route.serve(visit, socket)


_SWITCHING = 101
_HIDES_A_CAUSE = (401, 403)
"""Statuses whose body tells what they mean."""
