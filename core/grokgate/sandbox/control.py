"""The control plane ``/__sim``, for tests in another process (upstream-protocol.md 10.6).

Tests that hold the `Sandbox` use its attributes instead: the same state, the same effects.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from grokgate.sandbox.fixtures import AccountFixture
from grokgate.sandbox.request import Reply, Request, invalid, json_reply
from grokgate.sandbox.rules import Rule
from grokgate.sandbox.world import World


class Advance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step of the virtual clock."""

    seconds: Annotated[float, Meta(ge=0)]


class CloseSockets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sockets to close, and how."""

    account: str | None = None
    """Token of the account; None: all."""
    code: Literal[1000, 1001, 1006, 1008, 1011] = 1006
    """Of the close frame; 1006: none, the connection ends."""


async def control(world: World, request: Request) -> Reply:
    """Answer a call to the control plane."""
    try:
        return await _dispatch(world, request)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        return invalid(str(error))


async def _dispatch(world: World, request: Request) -> Reply:
    call = request.path.removeprefix("/__sim/")
    match request.method, call.split("/", 1):
        case "POST", ["reset"]:
            world.reset()
        case "PUT", ["accounts"]:
            world.accounts.replace(msgspec.json.decode(request.body, type=list[AccountFixture]))
        case "GET", ["accounts", token]:
            return _account(world, token)
        case "PUT", ["rules"]:
            world.rules.replace(msgspec.json.decode(request.body, type=list[Rule]))
            world.accounts.forget_refusals()
        case "POST", ["clock", "advance"]:
            world.clock.advance(msgspec.json.decode(request.body, type=Advance).seconds)
        case "POST", ["sockets", "close"]:
            return await _close_sockets(world, request)
        case "GET", ["requests"]:
            kept = world.journal.since(int(request.query.get("since", "0")))
            return json_reply({"requests": [exchange.report() for exchange in kept]})
        case "GET", ["state"]:
            pass
        case _:
            return invalid("No such call", status=404)
    return json_reply(_state(world))


async def _close_sockets(world: World, request: Request) -> Reply:
    call = msgspec.json.decode(request.body or b"{}", type=CloseSockets)
    closed = [socket for socket in world.open_sockets if call.account in (None, socket.account)]
    for socket in closed:
        await socket.close(call.code)
    return json_reply({"closed": len(closed)})


def _account(world: World, token: str) -> Reply:
    account = world.accounts.find(token)
    if account is None:
        return invalid("No such account", status=404)
    return json_reply(account.report(world.clock.epoch_s()))


def _state(world: World) -> dict[str, Any]:
    now = world.clock.now()
    return {
        "now": now.isoformat(),
        "accounts": [account.report(now.timestamp()) for account in world.accounts],
        "rules": list(world.rules),
        "requests": world.journal.total,
        "inflight": world.journal.inflight(),
        "sockets": len(world.open_sockets),
    }
