"""What the upstream checks before it looks at a request's meaning (upstream-protocol.md 10.3).

In this order: Cloudflare, account, statsig, then (ours alone, when strict) the headers of 1.2.
"""

import base64
import binascii
import uuid
from collections.abc import Iterator

from grokgate.sandbox.accounts import Account
from grokgate.sandbox.fixtures import AccountFixture
from grokgate.sandbox.journal import Exchange
from grokgate.sandbox.request import Reply, Request, invalid
from grokgate.sandbox.routes import Entry, HeaderSet, came_from
from grokgate.sandbox.world import World


def admit(world: World, request: Request, exchange: Exchange, entry: Entry) -> Account | Reply:
    """Find the account of a request, or turn it away.

    Args:
        world: Whose accounts are asked.
        request: Judged by its headers and cookies alone.
        exchange: Learns why it was refused.
        entry: What is expected of the request.
    """
    account = world.accounts.find(request.cookies.get("sso", ""))
    if account is not None and not _passes_cloudflare(request, account.fixture):
        return world.refuse(exchange, "challenge")
    if account is None or not _has_session(world, request, account, entry):
        return world.refuse(exchange, "session_lost")
    if entry.alive and account.fixture.status != "ok":
        return world.refuse(exchange, account.fixture.status)
    if world.strict_generation and account.protocol not in entry.protocols:
        return world.refuse(exchange, "not_found")
    if entry.statsig and not _passes_statsig(request, account.fixture):
        return world.refuse(exchange, "anti_bot")
    problem = _head_problem(request, entry) if world.strict else None
    if problem is not None:
        exchange.refusal = "invalid"
        return invalid(problem)
    return account


def _has_session(world: World, request: Request, account: Account, entry: Entry) -> bool:
    second = request.cookies.get("sso-rw")
    if second is None:
        return not (world.strict and entry.sso_rw)
    return second == account.token


def _passes_cloudflare(request: Request, fixture: AccountFixture) -> bool:
    if not fixture.cf_required:
        return True
    agent = request.header("user-agent")
    return request.cookies.get("cf_clearance") == fixture.cf_value and (
        not fixture.user_agent_pin or agent == fixture.user_agent_pin
    )


def _passes_statsig(request: Request, fixture: AccountFixture) -> bool:
    value = request.header("x-statsig-id")
    match fixture.statsig:
        case "off":
            return True
        case "any":
            return bool(value)
        case "legacy":
            return value is not None and _is_legacy(value)
        case "static":
            return value == fixture.statsig_value


def _is_legacy(value: str) -> bool:
    """Tell whether *value* is base64, with padding, of a script error text (1.4)."""
    try:
        return base64.b64decode(value, validate=True).startswith(b"e:TypeError: ")
    except binascii.Error:
        return False


def _head_problem(request: Request, entry: Entry) -> str | None:
    """Name the first header that is missing or wrong."""
    wanted = entry.headers
    for name in wanted.needed:
        if not request.header(name):
            return f"Missing header: {name}"
    return next((f"Wrong header: {name}" for name in _wrong(request, entry, wanted)), None)


def _wrong(request: Request, entry: Entry, wanted: HeaderSet) -> Iterator[str]:
    if "origin" in wanted.needed and request.header("origin") != request.origin:
        yield "origin"
    if not came_from(request, entry.referers):
        yield "referer"
    if "x-xai-request-id" in wanted.needed and not _is_uuid4(request.header("x-xai-request-id")):
        yield "x-xai-request-id"
    if request.method == "POST" and not _has_content_type(request, wanted.content_types):
        yield "content-type"
    yield from (name for name, value in wanted.fixed.items() if request.header(name) != value)


def _is_uuid4(text: str | None) -> bool:
    try:
        return uuid.UUID(text or "").version == 4  # noqa: PLR2004 - the version asked for
    except ValueError:
        return False


def _has_content_type(request: Request, accepted: tuple[str, ...]) -> bool:
    media_type = (request.header("content-type") or "").partition(";")[0].strip()
    return not accepted or media_type in accepted
