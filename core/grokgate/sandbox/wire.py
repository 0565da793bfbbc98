"""The simulated upstream as a raw ASGI application: routing, checks, answers, disconnects.

One port plays four hosts, told apart by the first part of the path:

========== =====================================
prefix     stands for
========== =====================================
(none)     ``grok.com``
/__assets  ``assets.grok.com``
/__public  the host of published media
/__sim     the control plane; loopback only
========== =====================================

Every exchange runs as a task of its own beside one that waits for the client to leave, so that an
abandoned exchange ends at once, however slow or silent it is.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec
from msgspec import Struct

from grokgate.sandbox import chat, files, identity, quota
from grokgate.sandbox.checks import admit
from grokgate.sandbox.control import control
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
from grokgate.sandbox.rules import Call
from grokgate.sandbox.world import Visit, World

_Endpoint: TypeAlias = Callable[[Visit], Awaitable[Answered]]


class Route(Struct, frozen=True):
    """An endpoint and what its requests look like."""

    name: str
    """Word for rules and the journal."""
    endpoint: _Endpoint
    referer: str | None = None
    """Path of the ``Referer``; None: none of the headers of an API call are expected."""


class Wire:
    """The ASGI application of one sandbox."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes than HTTP and lifespan are refused."""
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "lifespan":
                await _lifespan(receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = parse_head(scope)
        if head.path.startswith("/__sim/"):
            await self._control(scope, head, receive, send)
            return
        exchange = self._world.journal.open(head)
        outcome: Outcome = "abandoned"
        try:
            outcome = await self._exchange(head, exchange, receive, send)
        except AbruptClose:
            outcome = "cut"
            raise
        finally:
            self._world.journal.close(exchange, outcome)

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
        if answering.done():
            answering.result()
            return "answered"
        return "abandoned"

    async def _answer(self, request: Request, exchange: Exchange, send: Send) -> None:
        answered = await self._decide(request, exchange)
        match answered:
            case Reply():
                exchange.status = answered.status
                await _send_reply(answered, send)
                exchange.bytes_sent = len(answered.body)
            case Stream():
                exchange.status = 200
                await _start(200, {**_STREAM_HEADERS, **answered.headers}, send)
                await send(_FLUSH)
                await send_pieces(answered, send, exchange)
                await send({"type": "http.response.body", "body": b""})

    async def _decide(self, request: Request, exchange: Exchange) -> Answered:
        """Find the endpoint, let rules act, check the request, and let the endpoint answer."""
        world = self._world
        route = _route(request)
        if route is None:
            return world.refuse(exchange, "not_found")
        exchange.endpoint = route.name
        if len(request.body) > MAX_BODY:
            return world.refuse(exchange, "too_large")
        self._identify(request, exchange)
        exchange.faults = actions = world.rules.match(self._call(request, exchange))
        await hold_back(actions)
        if (reply := refused(world, actions)) is not None:
            return reply
        account = admit(world, request, exchange, referer=route.referer)
        if isinstance(account, Reply):
            return account
        return await route.endpoint(
            Visit(world=world, request=request, exchange=exchange, account=account, actions=actions)
        )

    def _identify(self, request: Request, exchange: Exchange) -> None:
        token = request.cookies.get("sso", "")
        if self._world.accounts.find(token) is not None:
            self._world.journal.serve(exchange, token)

    def _call(self, request: Request, exchange: Exchange) -> Call:
        known = Call(endpoint=exchange.endpoint, account=exchange.account)
        if exchange.endpoint != "chat" or not len(self._world.rules):
            return known
        model, prompt = chat.peek(request.body)
        return Call(endpoint=known.endpoint, account=known.account, model=model, prompt=prompt)

    async def _control(self, scope: Scope, head: Request, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        if body is None:
            return
        if not _is_loopback(scope):
            await _send_reply(self._world.refusal("not_found"), send)
            return
        await _send_reply(control(self._world, msgspec.structs.replace(head, body=body)), send)


def _route(request: Request) -> Route | None:
    path = request.path
    exact = _ROUTES.get((request.method, path))
    if exact is not None:
        return exact
    if request.method == "DELETE" and path.startswith("/rest/assets-metadata/"):
        return _DELETE
    if request.method == "GET" and path.startswith("/__assets/"):
        return _DOWNLOAD
    return None


def _is_loopback(scope: Scope) -> bool:
    """Tell whether the client is on this machine; a test client without address is."""
    client = scope.get("client")
    if client is None:
        return True
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


async def _disconnected(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_reply(reply: Reply, send: Send) -> None:
    headers = {
        "content-type": reply.content_type,
        **reply.headers,
        "content-length": str(len(reply.body)),
    }
    await _start(reply.status, headers, send)
    await send({"type": "http.response.body", "body": reply.body})


async def _start(status: int, headers: Mapping[str, str], send: Send) -> None:
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


# granian holds the status back until the first body message.
_FLUSH = {"type": "http.response.body", "body": b"", "more_body": True}
_STREAM_HEADERS = {"content-type": "application/json", "cache-control": "no-cache"}
_ROUTES: Mapping[tuple[str, str], Route] = {
    ("POST", "/rest/app-chat/conversations/new"): Route("chat", chat.converse, "/"),
    ("POST", "/rest/rate-limits"): Route("rate_limits", quota.rate_limits, "/"),
    ("POST", "/rest/app-chat/upload-file"): Route("upload", files.upload, "/"),
    ("GET", "/rest/assets"): Route("assets", files.list_assets, "/files"),
    ("POST", "/rest/modes"): Route("modes", identity.modes, "/"),
    ("GET", "/rest/auth/get-user"): Route("user", identity.user, "/"),
    ("GET", "/api/auth/session"): Route("session", identity.session),
}
_DELETE = Route("delete", files.delete_asset, "/files")
_DOWNLOAD = Route("download", files.download)
