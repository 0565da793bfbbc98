"""Pictures for a client request, whichever endpoint asks (F-IMG, F-EDIT).

1. `open_pictures` takes the permit, divides the wish into calls, opens them, and waits for the
   first news of a picture: what is refused is refused there, before any header is sent. Where an
   upstream turns a method away, the next one is tried with calls of its own.
2. `Making` reads the calls side by side. What is finished is downloaded, checked and kept; what
   came twice is dropped; nothing ever stands in for a picture that is missing.
3. `Pictures` ends with at least one picture, or with an error. The permit is held until then.
"""

from collections.abc import Sequence
from typing import Any, Final, Self

from grokgate.errors import EmptyResponse, GatewayError, UpstreamError
from grokgate.openai.usage import PER_ATTACHMENT, PER_MESSAGE, estimate
from grokgate.plugin.context import Permit, PluginContext
from grokgate.plugin.media.making import Making
from grokgate.plugin.media.order import Order, Terms, methods, orders
from grokgate.plugin.media.records import (
    Method,
    PictureEvent,
    PictureUsage,
    Rotation,
    Wish,
)
from grokgate.plugin.records import Caller, Offer

METHOD_NAMES: Final[dict[Method, str]] = {
    "chat": "legacy",
    "socket": "imagine_ws_experimental",
    "edit": "edit",
}
"""How methods are called in settings and headers."""
_ANY_ACCOUNT: Final = Rotation()


async def open_pictures(
    ctx: PluginContext[Any],
    caller: Caller,
    offer: Offer,
    wish: Wish,
    *,
    method: Method | None = None,
    rotation: Rotation = _ANY_ACCOUNT,
    affinity: str | None = None,
    timeout_s: float | None = None,
) -> "Pictures":
    """Have pictures made, and wait until there is news of one.

    Args:
        ctx: Of the plugin that asks.
        caller: Whose request it is, and whose the pictures will be.
        offer: Of an image model, or for references of an edit model.
        wish: What is wanted.
        method: This one alone; None: as the model and ``grok.image_generation_method`` say.
        rotation: Which accounts, and how often.
        affinity: Name of a conversation whose account is to be taken again.
        timeout_s: Seconds for each call; None or 0: no total limit.

    Raises:
        GatewayError: There will be no picture: what `Dispatcher.open` raises, ``Overloaded``,
            ``content_policy_violation`` or ``image_generation_failed``.
    """
    grok = ctx.shared.grok
    preferred: Method = "chat" if grok.image_generation_method == METHOD_NAMES["chat"] else "socket"
    terms = Terms(
        caller=caller,
        offer=offer,
        wish=wish,
        rotation=rotation,
        affinity=affinity,
        timeout_s=timeout_s or None,
        size_hint=grok.legacy_size_hint,
    )
    permit = await ctx.permits.take()
    try:
        if method is not None:
            return await _open(ctx, [Order(terms, method)], permit)
        return await _open(ctx, orders(terms, methods(offer, preferred=preferred)), permit)
    except BaseException:
        permit.release()
        raise


async def _open(ctx: PluginContext[Any], tried: Sequence[Order], permit: Permit) -> "Pictures":
    """Try one order after the other."""
    *first_ones, last = tried
    for order in first_ones:
        try:
            return await _begin(ctx, order, permit)
        except GatewayError as error:
            if not order.turned_away(error):
                raise _told(error) from error
            name = METHOD_NAMES[order.method]
            ctx.log.warning("picture_method_refused", method=name, error=error.code)
    try:
        return await _begin(ctx, last, permit)
    except GatewayError as error:
        raise _told(error) from error


class Pictures:
    """The pictures of one request as they come; made by `open_pictures`.

    An asynchronous iterator of `PictureEvent`. Read it to its end or close it; leaving the context
    closes it.
    """

    def __init__(
        self, making: Making, first: PictureEvent, terms: Terms, method: Method, permit: Permit
    ) -> None:
        self.method = METHOD_NAMES[method]
        """Name of the method in use, for ``X-Grokgate-Image-Method``."""
        self._making = making
        self._first: PictureEvent | None = first
        self._wish = terms.wish
        self._permit = permit

    @property
    def accounts(self) -> frozenset[str]:
        """Short ids of the accounts that made something so far."""
        return frozenset(self._making.accounts)

    @property
    def missing(self) -> int:
        """How many of the pictures wanted are not there, so far or in the end."""
        return self._wish.count - len(self._making.filled)

    @property
    def usage(self) -> PictureUsage:
        """What was used so far."""
        return PictureUsage(
            text=PER_MESSAGE + estimate(self._wish.prompt),
            references=PER_ATTACHMENT * len(self._wish.references),
            output=PER_ATTACHMENT * len(self._making.filled),
            each=PER_ATTACHMENT,
        )

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> PictureEvent:
        """Return what comes next.

        Raises:
            GatewayError: All calls have ended without any picture.
        """
        if self._first is not None:
            event, self._first = self._first, None
            return event
        try:
            return await self._making.next()
        except StopAsyncIteration:
            self._permit.release()
            raise
        except GatewayError as error:
            self._permit.release()
            raise _told(error) from error

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        await self.aclose()

    async def aclose(self) -> None:
        """End the calls that still run; safe to call twice."""
        try:
            await self._making.stop()
        finally:
            self._permit.release()


async def _begin(ctx: PluginContext[Any], order: Order, permit: Permit) -> Pictures:
    """Open the calls and wait for the first news.

    Raises:
        GatewayError: There is none; *permit* is not released.
    """
    terms, making = order.terms, Making(ctx, order)
    try:
        making.start()
        first = await making.next()
    except BaseException:
        await making.stop()
        raise
    ctx.log.info("pictures_begun", method=METHOD_NAMES[order.method], wanted=terms.wish.count)
    return Pictures(making, first, terms, order.method, permit)


def _told(error: GatewayError) -> GatewayError:
    """Return what the client is told of *error*: a failure of no special kind has its own code."""
    if type(error) not in {UpstreamError, EmptyResponse}:
        return error
    return UpstreamError("The upstream made no picture.", code="image_generation_failed")
