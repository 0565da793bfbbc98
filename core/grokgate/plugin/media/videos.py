"""Videos for a client request, whichever endpoint asks (F-VID).

1. `check_video` makes the wish; nothing has been asked of anybody yet.
2. `open_video` takes the permit and has the first plan begun that there is an account for. What is
   refused is refused there: it returns with the upstream's first news.
3. `Film` tells how far the video is. What was made is downloaded and kept as it streams through;
   the last event holds its link. The permit is held until then.
"""

from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Self, TypeAlias

import anyio
from msgspec import Struct
from msgspec.structs import replace

from grokgate.errors import (
    ContentRefused,
    EmptyResponse,
    GatewayError,
    NoTokenAvailable,
    NoTokensConfigured,
    Overloaded,
    UpstreamError,
    UpstreamTimeout,
)
from grokgate.plugin.context import Exchange, MediaRef, Permit, PluginContext
from grokgate.plugin.media.incoming import Incoming
from grokgate.plugin.media.segments import Segments
from grokgate.plugin.media.video_plans import Plan
from grokgate.plugin.media.video_wish import Continued, VideoWish
from grokgate.plugin.records import Call, Caller, ModelCard, Offer
from grokgate.upstream import Asset, Progress, VideoReady

_NO_ACCOUNT: Final = (NoTokenAvailable, NoTokensConfigured, Overloaded)
_POSTER_S: Final = 30.0
"""A video need not wait longer for its picture."""
_UNDO_S: Final = 1.0
"""What removing a file may take of a request that has been given up."""


class Video(Struct, frozen=True, kw_only=True):
    """A finished video."""

    ref: MediaRef
    poster: MediaRef | None
    """Its first picture, where there is one."""
    seconds: int
    """Its real length."""
    made: Continued
    """What continues it."""


class VideoProgress(Struct, frozen=True, kw_only=True):
    """How far the video is, in percent; always more than before."""

    percent: int


class VideoMade(Struct, frozen=True, kw_only=True):
    """The video is finished; the last event."""

    video: Video


VideoEvent: TypeAlias = VideoProgress | VideoMade


async def open_video(
    ctx: PluginContext[Any],
    caller: Caller,
    offer: Offer,
    wish: VideoWish,
    *,
    affinity: str | None = None,
    kept_for: timedelta | None = None,
    begun: Callable[[Plan], None] = lambda _: None,
) -> "Film":
    """Have a video made, and wait until there is news of it.

    Args:
        ctx: Of the plugin that asks.
        caller: Whose request it is, and whose the video will be.
        offer: Of a video model.
        wish: Made by `check_video`.
        affinity: Name of a conversation whose account is to be taken again.
        kept_for: How long from its end the cache limits spare the video; None: not at all.
        begun: Told the plan when an account begins with it; before that nothing is asked of any.

    Raises:
        GatewayError: There will be no video: what `Dispatcher.open` raises, ``Overloaded``,
            ``content_policy_violation`` or ``video_failed``.
    """
    within_s = float(ctx.shared.grok.video_timeout)
    timeout = timedelta(seconds=within_s)
    terms = _Terms(
        owner=caller.key_id,
        wish=wish,
        until=anyio.current_time() + within_s,
        keep_until=None if kept_for is None else ctx.clock.now() + timeout + kept_for,
    )
    permit = await ctx.permits.take()
    try:
        exchange, plan = await _open(
            ctx,
            wish,
            lambda plan: Call(
                caller=caller,
                card=_card_for(plan, offer),
                send=Segments(wish, plan, begun=lambda: begun(plan)).send,
                outputs=len(plan.lengths),
                repeatable=False,
                facts=_facts(plan, offer),
                affinity=affinity,
                account=wish.continues.asset.account if wish.continues else None,
                timeout_s=within_s,
            ),
        )
    except GatewayError as error:
        permit.release()
        raise _told(error) from error
    except BaseException:
        permit.release()
        raise
    return Film(ctx, exchange, plan, terms, permit)


class _Terms(Struct, frozen=True, kw_only=True):
    """What a film needs to know of its request."""

    owner: str
    wish: VideoWish
    until: float
    """Event loop time by which everything is to be done."""
    keep_until: datetime | None
    """Whatever time of that is used up, the cache limits spare the video until then."""

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return max(0.0, self.until - anyio.current_time())


class Film:
    """The video of one request as it is made; comes from `open_video`.

    An asynchronous iterator of `VideoEvent`. Read it to its end or close it; leaving the context
    closes it.
    """

    def __init__(
        self,
        ctx: PluginContext[Any],
        exchange: Exchange,
        plan: Plan,
        terms: _Terms,
        permit: Permit,
    ) -> None:
        self._ctx = ctx
        self._exchange = exchange
        self._plan = plan
        self._terms = terms
        self._permit = permit
        self._ready: list[VideoReady] = []
        self._events = self._read()

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> VideoEvent:
        """Return what comes next.

        Raises:
            GatewayError: There will be no video.
        """
        return await anext(self._events)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        await self.aclose()

    async def aclose(self) -> None:
        """End the call if it still runs; safe to call twice."""
        try:
            await self._exchange.aclose()
            await self._events.aclose()
        finally:
            self._permit.release()

    async def _read(self) -> AsyncGenerator[VideoEvent, None]:
        try:
            async for event in self._exchange:
                if isinstance(event, Progress):
                    yield VideoProgress(percent=event.percent)
                elif isinstance(event, VideoReady):
                    self._ready.append(event)
        except GatewayError as error:
            # What was made of a longer video counts: its account has paid for it.
            if not self._ready:
                raise _told(error) from error
            self._ctx.log.warning("video_cut_short", error=error.code)
        if not self._ready:
            raise self._nothing()
        ready = self._ready[-1]
        ref = await self._keep(ready.asset)
        poster = await self._keep_poster(ready, ref)
        self._permit.release()
        yield VideoMade(video=self._made(ready, ref, poster))

    def _nothing(self) -> GatewayError:
        """Say why the upstream ended without a video."""
        finished = self._exchange.finished
        refused = finished is not None and finished.reason == "refused"
        return ContentRefused() if refused else _told(EmptyResponse())

    async def _keep(self, asset: Asset) -> MediaRef:
        try:
            with anyio.fail_after(self._terms.left_s):
                return await self._save(asset, "video")
        except TimeoutError:
            raise UpstreamTimeout from None
        except GatewayError as error:
            raise _told(error) from error

    async def _keep_poster(self, ready: VideoReady, video: MediaRef) -> MediaRef | None:
        """Keep the picture, if it can be had; whoever gives up then takes the video with it."""
        if ready.poster is None:
            return None
        try:
            with anyio.move_on_after(min(_POSTER_S, self._terms.left_s)):
                return await self._save(ready.poster, "image", preview_of=video.name)
        except GatewayError as error:
            self._ctx.log.warning("video_poster_lost", error=error.code, reason=error.message)
        except BaseException:
            with anyio.move_on_after(_UNDO_S, shield=True):
                await self._ctx.media.delete(video.name, owner=self._terms.owner)
            raise
        return None

    def _made(self, ready: VideoReady, ref: MediaRef, poster: MediaRef | None) -> Video:
        before = self._terms.wish.continues
        seconds = sum(self._plan.lengths[: len(self._ready)]) + self._terms.wish.before_s
        original = before.original if before else self._ready[0].asset.ref
        made = Continued(asset=ready.asset, original=original, seconds=seconds)
        return Video(ref=ref, poster=poster, seconds=seconds, made=made)

    async def _save(
        self, asset: Asset, kind: Literal["image", "video"], *, preview_of: str = ""
    ) -> MediaRef:
        """Keep a file while it streams through; one of another kind is no result."""
        media, owner, keep_until = self._ctx.media, self._terms.owner, self._terms.keep_until
        source = Incoming(asset, self._exchange.fetch, preview_of=preview_of)
        ref = await media.save(source, kind=kind, owner=owner, keep_until=keep_until)
        if not ref.mime.startswith(f"{kind}/"):
            await media.delete(ref.name, owner=owner)
            raise UpstreamError(f"The upstream's file is no {kind}.")
        return ref


async def _open(
    ctx: PluginContext[Any], wish: VideoWish, to_call: Callable[[Plan], Call]
) -> tuple[Exchange, Plan]:
    """Open the first plan that there is an account for; the last one's refusal counts."""
    *better, plain = wish.plans
    for plan in better:
        try:
            return await ctx.dispatcher.open(to_call(plan)), plan
        except _NO_ACCOUNT:
            ctx.log.debug("video_plan_without_account", seconds=plan.seconds, tier=plan.tier)
    return await ctx.dispatcher.open(to_call(plain)), plain


def _card_for(plan: Plan, offer: Offer) -> ModelCard:
    """Return the model's card with the tier of account that the plan needs."""
    return offer.card if plan.tier is None else replace(offer.card, tier=plan.tier)


def _facts(plan: Plan, offer: Offer) -> dict[str, str]:
    """Return what windows and prices follow from."""
    facts = {"segments": str(len(plan.lengths))}
    if plan.resolution is not None:
        facts["resolution"] = plan.resolution
    if "call_units" in offer.limits:
        facts["call_units"] = str(offer.limits["call_units"])
    return facts


def _told(error: GatewayError) -> GatewayError:
    """Return what the client is told of *error*: a failure of no special kind has its own code."""
    if type(error) not in {UpstreamError, EmptyResponse}:
        return error
    return UpstreamError("The upstream made no video.", code="video_failed")
