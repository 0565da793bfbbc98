"""Files of an account, fetched as their owner (`upstream-protocol.md` 5.6, S17)."""

import asyncio
from collections.abc import AsyncGenerator

import anyio

from grokgate.upstream import Asset, Attempt, Kind, Observation, Stage, UpstreamFailure
from grokgate_web.call import WebCall
from grokgate_web.caller import Caller
from grokgate_web.hosts import Place, TrustedHosts
from grokgate_web.profile import Assets
from grokgate_web.transport import Exchange, TransportError

MAX_IMAGE = 50 * 1024 * 1024
"""Bytes."""
MAX_OTHER = 512 * 1024 * 1024
"""Bytes of a video, or of any other file."""

MAX_RETRIES = 3
"""Of a call that failed before the first byte (F-FILE-06); a file that is late is apart."""

_FETCH = "fetch"
_PASSING = frozenset((Kind.CONNECT, Kind.TRANSIENT))
_MAX_REDIRECTS = 3
_NOT_FOUND = 404
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_ANY_TYPE = "application/octet-stream"


async def download(
    caller: Caller, assets: Assets, trusted: TrustedHosts, asset: Asset, attempt: Attempt
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of *asset*; closing the generator ends the call at once.

    Args:
        caller: Acts as the owner.
        assets: How long to wait for a file that is not there yet.
        trusted: Hosts it may come from.
        asset: Its type, where known, must be that of the answer.
        attempt: Deadlines.

    Raises:
        UpstreamFailure: It is not there, not ours, not of the right type, too long, or broke off.
    """
    exchange, until = await _open_late(caller, assets, trusted, asset, attempt)
    total, limit = 0, _limit(_type_of(exchange))
    loop = asyncio.get_running_loop()
    try:
        if not accepts(asset.mime, _type_of(exchange)):
            raise _failure(Kind.MALFORMED, Stage.SENT)
        while piece := await exchange.read(until):
            total += len(piece)
            if total > limit:
                raise _failure(Kind.MALFORMED, Stage.CONTENT)
            yield piece
            until = loop.time() + attempt.idle_s
    except TransportError as error:
        stage = Stage.CONTENT if total else Stage.SENT
        raise caller.broken(error, _FETCH, stage, first=not total) from error
    finally:
        exchange.close()


def accepts(wanted: str | None, told: str) -> bool:
    """Tell whether an answer of type *told* can be what was *wanted*.

    Videos may come as mere bytes. Without a wish a page is no file, but an error's.
    """
    if wanted is None:
        return told != "text/html"
    kind = wanted.partition("/")[0]
    if kind == "image":
        return told.startswith("image/")
    if kind == "video":
        return told.startswith("video/") or told == _ANY_TYPE
    return told == wanted or told != "text/html"


async def _open_late(
    caller: Caller, assets: Assets, trusted: TrustedHosts, asset: Asset, attempt: Attempt
) -> tuple[Exchange, float]:
    """Open *asset*, and look again if it is not there yet or the way to it is disturbed."""
    faults = 0
    for wait_s in (*assets.late_s, None):
        try:
            return await _open(caller, trusted, asset, attempt)
        except UpstreamFailure as failure:
            disturbed = failure.observation.kind in _PASSING
            late = failure.observation.status == _NOT_FOUND
            faults += disturbed
            if wait_s is None or faults > MAX_RETRIES or not (late or disturbed):
                raise
        await anyio.sleep(wait_s)
    raise AssertionError("the last look either finds it or raises")


async def _open(
    caller: Caller, trusted: TrustedHosts, asset: Asset, attempt: Attempt
) -> tuple[Exchange, float]:
    """Follow redirects as far as they lead to trusted hosts."""
    place, stage = trusted.place(asset.ref), Stage.UNSENT
    for _ in range(_MAX_REDIRECTS + 1):
        if place is None:
            break
        exchange, until = await caller.open(_call(place, asset, attempt))
        if exchange.status not in _REDIRECTS:
            return exchange, until
        exchange.close()
        place = trusted.place(exchange.headers.get("location", ""), seen_at=place.url)
        stage = Stage.REFUSED
    raise _failure(Kind.MALFORMED, stage)


def _call(place: Place, asset: Asset, attempt: Attempt) -> WebCall:
    return WebCall(
        operation=_FETCH,
        method="GET",
        path=place.url,
        referer="/",
        headers="download",
        signed_in=place.owned,
        answers=_REDIRECTS,
        first_s=attempt.first_s,
        max_bytes=_limit(asset.mime or _ANY_TYPE),
    )


def _type_of(exchange: Exchange) -> str:
    return exchange.headers.get("content-type", _ANY_TYPE).partition(";")[0].strip().lower()


def _limit(mime: str) -> int:
    return MAX_IMAGE if mime.startswith("image/") else MAX_OTHER


def _failure(kind: Kind, stage: Stage) -> UpstreamFailure:
    return UpstreamFailure(Observation(operation=_FETCH, kind=kind, stage=stage))
