"""The way from a request to its endpoint, the same for calls and handshakes.

1. the account is noted, so that even refused requests are counted for it
2. the first rule that matches acts: it may hold the request back, or refuse it
3. the account's own state and the request's head are checked
"""

from collections.abc import Mapping

from grokgate.sandbox import chat
from grokgate.sandbox.checks import admit
from grokgate.sandbox.faults import Action
from grokgate.sandbox.journal import Exchange
from grokgate.sandbox.request import Reply, Request
from grokgate.sandbox.routes import Entry
from grokgate.sandbox.rules import Call
from grokgate.sandbox.world import Visit, World


def identify(world: World, request: Request, exchange: Exchange) -> None:
    """Note whose request this is, if its cookie names an account."""
    token = request.cookies.get("sso", "")
    if world.accounts.find(token) is not None:
        world.journal.serve(exchange, token)


def call_of(world: World, request: Request, exchange: Exchange) -> Call:
    """Return what rules are matched against; a body is only looked into where rules exist."""
    known = Call(endpoint=exchange.endpoint, account=exchange.account)
    if exchange.endpoint != "chat" or not request.body or not len(world.rules):
        return known
    model, prompt = chat.peek(request.body)
    return Call(endpoint=known.endpoint, account=known.account, model=model, prompt=prompt)


def visit(
    world: World,
    request: Request,
    exchange: Exchange,
    *,
    entry: Entry,
    actions: tuple[Action, ...],
    params: Mapping[str, str],
) -> Visit | Reply:
    """Let a request in, or return its refusal."""
    account = admit(world, request, exchange, entry)
    if isinstance(account, Reply):
        return account
    return Visit(
        world=world,
        request=request,
        exchange=exchange,
        account=account,
        actions=actions,
        params=params,
    )
