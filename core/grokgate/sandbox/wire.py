"""The simulated upstream as a raw ASGI application; names the modules that hold its endpoints.

One port plays four hosts, told apart by the first part of the path:

========== =====================================
prefix     stands for
========== =====================================
(none)     ``grok.com``
/__assets  ``assets.grok.com``
/__imgen   another host of the same files
/__public  the host of published media
/__sim     the control plane; loopback only
========== =====================================

A module of endpoints declares them in a tuple ``ROUTES`` (`routes` says how), and stands in
`ROUTES` here: nothing else has to know it.
"""

import ipaddress

import msgspec

from grokgate.sandbox import (
    assets,
    billing,
    chat,
    continuation,
    files,
    gateway,
    identity,
    imagine,
    imagine_quota,
    posts,
    preference,
    quota,
)
from grokgate.sandbox.control import control
from grokgate.sandbox.request import Receive, Scope, Send, parse_head, read_body
from grokgate.sandbox.routes import AnyRoute, Router
from grokgate.sandbox.serve_http import HttpSide, send_reply
from grokgate.sandbox.serve_socket import SocketSide
from grokgate.sandbox.world import World

ROUTES: tuple[AnyRoute, ...] = (
    *chat.ROUTES,
    *continuation.ROUTES,
    *gateway.ROUTES,
    *quota.ROUTES,
    *imagine_quota.ROUTES,
    *billing.ROUTES,
    *files.ROUTES,
    *assets.ROUTES,
    *posts.ROUTES,
    *imagine.ROUTES,
    *preference.ROUTES,
    *identity.ROUTES,
)


class Wire:
    """The ASGI application of one sandbox."""

    def __init__(self, world: World) -> None:
        self._world = world
        router = Router(ROUTES)
        self._http = HttpSide(world, router)
        self._sockets = SocketSide(world, router)

    async def cut(self) -> None:
        """End all that is under way: a server that stops waits for every open answer."""
        self._http.cut()
        for socket in tuple(self._world.open_sockets):
            await socket.close(_GOING_AWAY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one socket, or the server's own life."""
        match scope["type"]:
            case "http" if scope["path"].startswith("/__sim/"):
                await self._control(scope, receive, send)
            case "http":
                await self._http.serve(scope, receive, send)
            case "websocket":
                await self._sockets.serve(scope, receive, send)
            case "lifespan":
                await _lifespan(receive, send)

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        if body is None:
            return
        if not _is_loopback(scope):
            await send_reply(self._world.refusal("not_found"), send)
            return
        request = msgspec.structs.replace(parse_head(scope), body=body)
        await send_reply(await control(self._world, request), send)


def _is_loopback(scope: Scope) -> bool:
    """Tell whether the client is on this machine; a test client without address is."""
    client = scope.get("client")
    if client is None:
        return True
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


_GOING_AWAY = 1001
"""Close code of an endpoint that stops (RFC 6455, 7.4.1)."""
