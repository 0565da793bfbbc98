"""``POST /rest/rate-limits``: what an account has left (upstream-protocol.md 4.1, 4.4)."""

from typing import Any

import msgspec
from msgspec import Struct

from grokgate.sandbox.accounts import QuotaWindow
from grokgate.sandbox.catalogue import Protocol
from grokgate.sandbox.faults import QuotaJson
from grokgate.sandbox.request import Answered, Reply, invalid, json_reply
from grokgate.sandbox.routes import Route
from grokgate.sandbox.world import Visit


class RateLimitBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """A rate-limit call of either generation."""

    model_name: str
    request_kind: str | None = None
    """Sent by the older one alone."""


async def rate_limits(visit: Visit) -> Answered:
    """Tell what the asked window holds; asking is never a use."""
    try:
        call = msgspec.json.decode(visit.request.body, type=RateLimitBody)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _wrong(visit, f"Invalid request: {error}")
    protocol = _protocol(visit, call)
    if protocol is None:
        return _wrong(visit, "Invalid request: requestKind")
    name = visit.world.catalogue.tables[protocol].buckets.get(call.model_name)
    if name is None:
        return _wrong(visit, "Unknown model")
    now = visit.world.clock.epoch_s()
    limits = _limits(visit.account.window(name, protocol), now, protocol=protocol)
    odd = next((action for action in visit.actions if isinstance(action, QuotaJson)), None)
    return json_reply(limits) if odd is None else odd_reply(limits, odd)


def odd_reply(content: dict[str, Any], odd: QuotaJson) -> Reply:
    """Answer with *content* as a knob spoils it."""
    body = msgspec.json.encode(content)
    match odd.form:
        case "missing_fields":
            body = b"{}"
        case "prefix":
            body = b")]}'\n" + body
        case "loop_prefix":
            body = b"for (;;);" + body
        case "bom":
            body = b"\xef\xbb\xbf" + body
        case "empty":
            body = b""
        case "zero_totals":
            body = msgspec.json.encode(_zeroed(content))
        case "null_products":
            pass
    return Reply(body=body)


def _zeroed(content: Any) -> Any:
    """Replace all numbers by zero, those of products too."""
    if isinstance(content, dict):
        return {key: _zeroed(value) for key, value in content.items()}
    return 0 if isinstance(content, int) and not isinstance(content, bool) else content


def _protocol(visit: Visit, call: RateLimitBody) -> Protocol | None:
    """Tell which generation a call belongs to; None: not to the account's."""
    own = visit.account.protocol
    spoken = visit.account.modes_protocol if call.request_kind is None else "2026-02"
    return None if spoken != own and visit.world.strict_generation else spoken


def _limits(window: QuotaWindow, now: float, *, protocol: Protocol) -> dict[str, Any]:
    window.settle(now)
    wait = {} if window.remaining else {"waitTimeSeconds": window.wait_s(now)}
    limits: dict[str, Any] = {
        "windowSizeSeconds": window.window_s,
        "remainingQueries": window.remaining,
        "totalQueries": window.total,
        **wait,
    }
    if protocol != "2026-02":
        return {**limits, "lowEffortRateLimits": None, "highEffortRateLimits": None}
    return {
        **limits,
        "remainingTokens": window.remaining,
        "totalTokens": window.total,
        "lowEffortRateLimits": _effort(window, now, cost=1),
        "highEffortRateLimits": _effort(window, now, cost=4),
    }


def _effort(window: QuotaWindow, now: float, *, cost: int) -> dict[str, int]:
    calls = window.remaining // cost
    effort = {"cost": cost, "remainingQueries": calls}
    return effort if calls else {**effort, "waitTimeSeconds": window.wait_s(now)}


def _wrong(visit: Visit, message: str) -> Reply:
    visit.exchange.refusal = "invalid"
    return invalid(message)


ROUTES = (Route("rate_limits", "POST", "/rest/rate-limits", rate_limits, referers=("/",)),)
