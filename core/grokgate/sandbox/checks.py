"""What the upstream checks before it looks at a request's meaning (upstream-protocol.md 10.3).

In this order: Cloudflare, account, statsig, then (ours alone, when strict) the headers of 1.2.
"""

import base64
import binascii
import uuid

from grokgate.sandbox.accounts import Account, AccountFixture
from grokgate.sandbox.journal import Exchange
from grokgate.sandbox.request import Reply, Request, invalid
from grokgate.sandbox.world import World


def admit(
    world: World, request: Request, exchange: Exchange, *, referer: str | None
) -> Account | Reply:
    """Find the account of a request, or turn it away.

    Args:
        world: Whose accounts are asked.
        request: Judged by its headers and cookies alone.
        exchange: Learns why it was refused.
        referer: Path the ``Referer`` must have; None: no headers of an API call are expected.
    """
    account = world.accounts.find(request.cookies.get("sso", ""))
    if account is not None and not _passes_cloudflare(request, account.fixture):
        return world.refuse(exchange, "challenge")
    if account is None or request.cookies.get("sso-rw", account.token) != account.token:
        return world.refuse(exchange, "session_lost")
    if account.fixture.status != "ok" and exchange.endpoint != "session":
        return world.refuse(exchange, account.fixture.status)
    if referer is None:
        return account
    if not _passes_statsig(request, account.fixture):
        return world.refuse(exchange, "anti_bot")
    problem = _header_problem(request, referer) if world.strict else None
    if problem is not None:
        exchange.refusal = "invalid"
        return invalid(problem)
    return account


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


def _header_problem(request: Request, referer: str) -> str | None:
    """Name the first header that is missing or wrong."""
    for name in _NEEDED:
        if not request.header(name):
            return f"Missing header: {name}"
    if request.header("origin") != request.origin:
        return "Wrong header: origin"
    if request.header("referer") != request.origin + referer:
        return "Wrong header: referer"
    if not _is_uuid4(request.header("x-xai-request-id") or ""):
        return "Wrong header: x-xai-request-id"
    if request.method == "POST" and not _has_content_type(request):
        return "Wrong header: content-type"
    return None


def _is_uuid4(text: str) -> bool:
    try:
        return uuid.UUID(text).version == 4  # noqa: PLR2004 - the version asked for
    except ValueError:
        return False


def _has_content_type(request: Request) -> bool:
    media_type = (request.header("content-type") or "").partition(";")[0].strip()
    return media_type in ("application/json", "text/plain")


_NEEDED = (
    "accept",
    "accept-encoding",
    "accept-language",
    "origin",
    "referer",
    "user-agent",
    "x-xai-request-id",
)
