"""Gets a lease for a call on the best of its routes, waiting and surveying where that helps."""

from collections.abc import Sequence

from msgspec import structs

from grokgate.dispatch.desk import Desk
from grokgate.dispatch.route import Route
from grokgate.errors import GatewayError, NoTokenAvailable, NoTokensConfigured, Overloaded
from grokgate.plugin.records import Call
from grokgate.scheduler.home import Lease, Want
from grokgate.settings.token import TokenSettings

_AT_ONCE = 0.0
_LONGEST_WAIT_S = 3600.0
_SURVEY_WAIT_S = 60.0
"""Where nobody knows when quota returns, a survey within this time will."""


async def lease_one(
    desk: Desk,
    call: Call,
    routes: Sequence[Route],
    *,
    tried: frozenset[str],
    survey: bool,
    deadline: float,
) -> tuple[Route, Lease]:
    """Lease an account on the first route that has one.

    Args:
        desk: Shared parts.
        call: What is to be sent.
        routes: Best first; not empty.
        tried: Tokens that have failed already, or are to be spared.
        survey: Accounts of which nobody knows when their quota returns are asked before giving up.
        deadline: Monotonic seconds until which to wait for busy accounts.

    Raises:
        NoTokenAvailable: Every fitting account waits.
        NoTokensConfigured: None fits.
        Overloaded: All were busy until *deadline*.
    """
    try:
        return await _pass(desk, call, routes, tried=tried, deadline=deadline)
    except NoTokenAvailable as error:
        if error.resets_known:
            raise
        if not survey:
            raise _timed(error, None) from None
        return await _survey_and_pass(desk, call, routes, tried=tried, deadline=deadline)


def want_for(
    call: Call,
    route: Route,
    *,
    settings: TokenSettings,
    tried: frozenset[str] = frozenset(),
    deadline: float = _AT_ONCE,
) -> Want:
    """Say what *call* wants of the scheduler on *route*."""
    return Want(
        request_id=call.caller.request_id,
        key_id=call.caller.key_id,
        model=call.card.id,
        deadline=deadline,
        upstream=route.upstream,
        pools=route.pools,
        buckets=route.buckets,
        units=route.price.reserved(),
        policy=settings.selection,
        require_tags=call.require_tags,
        affinity=call.affinity,
        begins=call.begins,
        only=call.account,
        tried=tried,
        unknown_first=settings.unknown_first,
        wire=route.wire.name,
    )


def with_tags(desk: Desk, call: Call, routes: Sequence[Route]) -> Call:
    """Require the tags that *call* prefers, unless no usable account has them (F-NSFW-06)."""
    if not call.prefer_tags:
        return call
    tags = (*call.require_tags, *call.prefer_tags)
    tagged = structs.replace(call, require_tags=tags, prefer_tags=())
    settings = desk.settings().token
    refusals = (desk.home.refusal(want_for(tagged, way, settings=settings)) for way in routes)
    if all(isinstance(error, NoTokensConfigured) for error in refusals):
        return structs.replace(call, prefer_tags=())
    return tagged


def out_of_quota(desk: Desk, call: Call, routes: Sequence[Route]) -> NoTokenAvailable:
    """Say when to come back after an account's quota ended and no other one may be tried."""
    settings = desk.settings().token
    refused = [desk.home.refusal(want_for(call, route, settings=settings)) for route in routes]
    waiting = [error for error in refused if isinstance(error, NoTokenAvailable)]
    if waiting and not any(error is None or isinstance(error, Overloaded) for error in refused):
        return _timed(min(waiting, key=_rank), None)
    return NoTokenAvailable("The account that was tried is out of quota.", retry_after_s=1.0)


async def _survey_and_pass(
    desk: Desk, call: Call, routes: Sequence[Route], *, tried: frozenset[str], deadline: float
) -> tuple[Route, Lease]:
    settings = desk.settings().token
    wants = [want_for(call, route, settings=settings) for route in routes]
    tokens = dict.fromkeys(token for want in wants for token in desk.home.unsure(want))
    again_s = await desk.survey(list(tokens))
    try:
        return await _pass(desk, call, routes, tried=tried, deadline=deadline)
    except NoTokenAvailable as second:
        raise _timed(second, again_s) from None


async def _pass(
    desk: Desk, call: Call, routes: Sequence[Route], *, tried: frozenset[str], deadline: float
) -> tuple[Route, Lease]:
    """Ask for each route without waiting, then wait at the first that is merely busy."""
    settings = desk.settings().token
    busy: list[Route] = []
    refusals: list[GatewayError] = []
    if len(routes) == 1:
        busy = list(routes)
    else:
        for route in routes:
            want = want_for(call, route, settings=settings, tried=tried)
            try:
                return route, await desk.home.acquire(want)
            except Overloaded:
                busy.append(route)
            except (NoTokenAvailable, NoTokensConfigured) as error:
                refusals.append(error)
    if not busy:
        refusals.sort(key=_rank)
        # Errors refer to the frame they passed: kept in it, they would wait for the collector.
        del refusals[1:]
        raise refusals.pop()
    want = want_for(call, busy[0], settings=settings, tried=tried, deadline=deadline)
    return busy[0], await desk.home.acquire(want)


def _rank(error: GatewayError) -> tuple[bool, bool, float]:
    """Order refusals: an unknown reset first, then the earliest known one, then no token at all."""
    known = not isinstance(error, NoTokenAvailable) or error.resets_known
    return isinstance(error, NoTokensConfigured), known, error.retry_after_s or _LONGEST_WAIT_S


def _timed(error: NoTokenAvailable, again_s: float | None) -> NoTokenAvailable:
    """Complete an error by when to come back: at a known reset, or for the next survey."""
    known = [wait for wait in (error.retry_after_s, again_s) if wait is not None]
    return NoTokenAvailable(
        error.message,
        retry_after_s=min(_LONGEST_WAIT_S, max(1.0, min(known, default=_SURVEY_WAIT_S))),
        resets_known=error.resets_known,
    )
