"""Which calls make the pictures of a wish: methods, portions, prices. Pure."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Final, TypeAlias, get_args

from msgspec import Struct
from msgspec.structs import replace

from grokgate.errors import (
    ContentRefused,
    GatewayError,
    NoTokenAvailable,
    NoTokensConfigured,
    UpstreamError,
)
from grokgate.plugin.media.records import Method, Rotation, Wish
from grokgate.plugin.records import Call, Caller, Capability, Offer
from grokgate.upstream import (
    Event,
    ImageRequest,
    Stage,
    UpstreamFailure,
    UpstreamSession,
    is_output,
)

Slots: TypeAlias = tuple[int, ...]
"""The pictures of a wish that one call is to make."""

_USUAL: Final[Mapping[Capability, tuple[Method, ...]]] = {
    "image": ("chat", "socket"),
    "image_edit": ("edit",),
}
"""Of a model that does not say."""
_PER_CALL: Final[Mapping[Method, int]] = {"chat": 2, "socket": 4, "edit": 2}
_NOT_ACCEPTED: Final = frozenset({Stage.UNSENT, Stage.REFUSED})


class Terms(Struct, frozen=True, kw_only=True):
    """What all calls of one client request have in common."""

    caller: Caller
    offer: Offer
    wish: Wish
    rotation: Rotation = Rotation()
    affinity: str | None = None
    timeout_s: float | None = None
    size_hint: bool = True
    """A ratio is put in words for a conversation (``grok.legacy_size_hint``)."""


def methods(offer: Offer, *, preferred: Method) -> tuple[Method, ...]:
    """Return how to ask for pictures: the first way, then those to take where it is refused.

    A model says in ``limits.methods`` what it takes. Edits take these in order (F-EDIT-04);
    pictures from a prompt the *preferred* one, and after the socket the conversation (F-IMG-05).
    """
    named = offer.limits.get("methods")
    offered = named if isinstance(named, tuple) else _USUAL.get(offer.card.capability, ())
    ways = tuple(way for way in get_args(Method) if way in offered)
    if offer.card.capability == "image_edit":
        return tuple(sorted(ways, key=offered.index))
    if preferred not in ways:
        return ways[:1]
    return (preferred, *(way for way in ways if way == "chat" and way != preferred))


def portions(count: int, method: Method, offer: Offer) -> list[Slots]:
    """Divide *count* pictures among calls, as many to each as one call makes."""
    named = offer.limits.get("per_call")
    most = named if isinstance(named, int) and named > 0 else _PER_CALL[method]
    return [tuple(range(first, min(count, first + most))) for first in range(0, count, most)]


def orders(terms: Terms, ways: Sequence[Method]) -> "list[Order]":
    """Return what to try, one after the other where it is refused (F-IMG-05).

    Sockets that are refused side by side are tried one at a time before another method is.
    """
    tried: list[Order] = []
    for way in ways:
        tried.append(Order(terms, way))
        wish = terms.wish
        several = len(portions(wish.count, way, terms.offer)) > 1 and wish.concurrency > 1
        if way == "socket" and several:
            alone = replace(terms, wish=replace(wish, concurrency=1))
            tried.append(Order(alone, way))
    return tried


class Order:
    """Makes the calls of one client request by one method, and notes which were refused."""

    def __init__(self, terms: Terms, method: Method) -> None:
        self.method = method
        self.terms = terms
        self._refused = 0
        """Attempts that the upstream provably did not accept."""
        self._begun = 0
        """All others: they may have left something behind."""

    def call(self, slots: Slots) -> Call:
        """Make the call for *slots*."""
        terms = self.terms
        return Call(
            caller=terms.caller,
            card=terms.offer.card,
            send=self._send(self._request(len(slots))),
            outputs=len(slots),
            wanted=terms.wish.count,
            repeatable=False,
            facts=self._facts(),
            prefer_tags=terms.rotation.prefer_tags,
            daily=terms.rotation.daily,
            most_attempts=terms.rotation.most_attempts,
            affinity=terms.affinity,
            timeout_s=terms.timeout_s,
        )

    def turned_away(self, error: GatewayError) -> bool:
        """Tell whether *error* means that nothing was begun, so that another method may be tried.

        Only what provably left nothing behind is asked for again; what moderation refuses is not.
        """
        if self._begun:
            return False
        if isinstance(error, NoTokenAvailable | NoTokensConfigured):
            return True
        refused = isinstance(error, UpstreamError) and not isinstance(error, ContentRefused)
        return refused and self._refused > 0

    def _request(self, count: int) -> ImageRequest:
        wish = self.terms.wish
        return ImageRequest(
            prompt=self._prompt(wish),
            count=count,
            ratio=None if self.method == "chat" else wish.ratio,
            references=wish.references,
            previews=wish.previews > 0,
            nsfw=wish.nsfw,
            method=self.method,
            quality=wish.quality,
        )

    def _prompt(self, wish: Wish) -> str:
        """Return the prompt; conversations can be told a ratio in words alone (F-IMG-07)."""
        if self.method != "chat" or not (wish.size_named and self.terms.size_hint):
            return wish.prompt
        return f"{wish.prompt}, aspect ratio {wish.ratio}"

    def _facts(self) -> dict[str, str]:
        """Return what prices and windows follow from; ``limits.<method>_priced`` names the unit."""
        facts: dict[str, str] = {"method": self.method}
        if self.terms.wish.nsfw:
            facts["nsfw"] = "on"
        priced = self.terms.offer.limits.get(f"{self.method}_priced")
        if isinstance(priced, str):
            facts["priced"] = priced
        return facts

    def _send(
        self, request: ImageRequest
    ) -> Callable[[UpstreamSession], AsyncGenerator[Event, None]]:
        async def send(session: UpstreamSession) -> AsyncGenerator[Event, None]:
            output = False
            self._begun += 1
            try:
                async with aclosing(session.imagine(request)) as events:
                    async for event in events:
                        output = output or is_output(event)
                        yield event
            except UpstreamFailure as failure:
                if not output and failure.observation.stage in _NOT_ACCEPTED:
                    self._begun -= 1
                    self._refused += 1
                raise

        return send
