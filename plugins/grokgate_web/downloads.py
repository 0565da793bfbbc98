"""Files of an account, fetched as their owner (`upstream-protocol.md` 5.6, S17)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio

from grokgate.upstream import Asset, Attempt, Kind, Observation, Stage, UpstreamFailure
from grokgate_web.call import WebCall
from grokgate_web.caller import Caller
from grokgate_web.hosts import Place, TrustedHosts
from grokgate_web.profile import Assets
from grokgate_web.received import Changed, Received
from grokgate_web.transport import Exchange, TransportError

MAX_IMAGE = 50 * 1024 * 1024
"""Bytes."""
MAX_OTHER = 512 * 1024 * 1024
"""Bytes of a video, or of any other file."""

MAX_RETRIES = 3
"""Of a call that failed before the first byte, and again of a file that breaks off (F-FILE-06); a
file that is late is apart."""

_FETCH = "fetch"
_PASSING = frozenset((Kind.CONNECT, Kind.TRANSIENT))
_MAX_REDIRECTS = 3
_NOT_FOUND = 404
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_ANY_TYPE = "application/octet-stream"


def download(
    caller: Caller, assets: Assets, trusted: TrustedHosts, asset: Asset, attempt: Attempt
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of *asset*; closing the generator ends the call at once.

    One that breaks off is continued where it did, a few times.

    Args:
        caller: Acts as the owner.
        assets: How long to wait for a file that is not there yet, or that broke off.
        trusted: Hosts it may come from.
        asset: Its type, where known, must be that of the answer.
        attempt: Deadlines.

    Raises:
        UpstreamFailure: It is not there, not ours, not of the right type, too long, or broke off.
    """
    return _Download(caller, assets, trusted, asset, attempt).pieces()


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


class _Download:
    """One file on its way; takes what `download` does."""

    def __init__(
        self,
        caller: Caller,
        assets: Assets,
        trusted: TrustedHosts,
        asset: Asset,
        attempt: Attempt,
    ) -> None:
        self._caller = caller
        self._assets = assets
        self._trusted = trusted
        self._asset = asset
        self._attempt = attempt
        self._received = Received()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        pauses_s = iter(self._assets.late_s[:MAX_RETRIES])
        while True:
            exchange, until = await self._open_late()
            try:
                async with aclosing(self._read(exchange, until)) as pieces:
                    async for piece in pieces:
                        yield piece
            except TransportError as error:
                pause_s = next(pauses_s, None)
                if error.reason != "reset" or pause_s is None:
                    first = not self._received.size
                    raise self._caller.broken(error, _FETCH, self._stage, first=first) from error
            else:
                return
            finally:
                exchange.close()
            await anyio.sleep(pause_s)

    @property
    def _stage(self) -> Stage:
        return Stage.CONTENT if self._received.size else Stage.SENT

    async def _read(self, exchange: Exchange, until: float) -> AsyncGenerator[bytes, None]:
        """Yield what an answer adds to what has come already.

        Raises:
            UpstreamFailure: It is another file, of another type, or too long.
            TransportError: It broke off.
        """
        received, mime = self._received, _type_of(exchange)
        loop, limit = asyncio.get_running_loop(), _limit(mime)
        if not accepts(self._asset.mime, mime):
            raise _failure(Kind.MALFORMED, self._stage)
        try:
            received.answered(exchange.status, exchange.headers)
            while piece := await exchange.read(until):
                fresh = received.take(piece)
                if received.size > limit:
                    raise _failure(Kind.MALFORMED, Stage.CONTENT)
                if fresh:
                    yield fresh
                until = loop.time() + self._attempt.idle_s
        except Changed:
            raise _failure(Kind.MALFORMED, self._stage) from None
        if not received.is_whole:
            raise TransportError("reset")

    async def _open_late(self) -> tuple[Exchange, float]:
        """Open the file, and look again if it is not there yet or the way to it is disturbed."""
        faults = 0
        for wait_s in (*self._assets.late_s, None):
            try:
                return await self._open()
            except UpstreamFailure as failure:
                disturbed = failure.observation.kind in _PASSING
                late = failure.observation.status == _NOT_FOUND
                faults += disturbed
                if wait_s is None or faults > MAX_RETRIES or not (late or disturbed):
                    raise
            await anyio.sleep(wait_s)
        raise AssertionError("the last look either finds it or raises")

    async def _open(self) -> tuple[Exchange, float]:
        """Follow redirects as far as they lead to trusted hosts."""
        place, stage = self._trusted.place(self._asset.ref), Stage.UNSENT
        for _ in range(_MAX_REDIRECTS + 1):
            if place is None:
                break
            exchange, until = await self._caller.open(self._call(place))
            if exchange.status not in _REDIRECTS:
                return exchange, until
            exchange.close()
            place = self._trusted.place(exchange.headers.get("location", ""), seen_at=place.url)
            stage = Stage.REFUSED
        raise _failure(Kind.MALFORMED, stage)

    def _call(self, place: Place) -> WebCall:
        return WebCall(
            operation=_FETCH,
            method="GET",
            path=place.url,
            referer="/",
            headers="download",
            further=self._received.wish(),
            signed_in=place.owned,
            answers=_REDIRECTS,
            first_s=self._attempt.first_s,
            max_bytes=_limit(self._asset.mime or _ANY_TYPE),
        )


def _type_of(exchange: Exchange) -> str:
    return exchange.headers.get("content-type", _ANY_TYPE).partition(";")[0].strip().lower()


def _limit(mime: str) -> int:
    return MAX_IMAGE if mime.startswith("image/") else MAX_OTHER


def _failure(kind: Kind, stage: Stage) -> UpstreamFailure:
    return UpstreamFailure(Observation(operation=_FETCH, kind=kind, stage=stage))
