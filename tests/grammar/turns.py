"""What a turn of `grokgate_responses` needs, written down: a context and a keeper in one."""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from grammar.played import asked
from grokgate.errors import GatewayError, StoreUnavailable, UpstreamTimeout
from grokgate.plugin import Call, Caller, ModelCard, Offer
from grokgate.upstream import Asset, Blob, Event, Finished, TextDelta, ThinkingDelta
from grokgate_responses.answer.encode import Emitted
from grokgate_responses.answer.objects import ResponseObject
from grokgate_responses.request.items import Item
from grokgate_responses.request.translate import Asked, History
from grokgate_responses.turn import Turn

CALLER = Caller(key_id="k1", name="k", request_id="r1")
ANSWER = (ThinkingDelta(text="Hm"), TextDelta(text="Lis"), TextDelta(text="bon."))
PNG = b"\x89PNG\r\n\x1a\n"


class FakeExchange:
    """Plays *events*, then *error*."""

    started = None

    def __init__(self, events: Iterable[Event], error: GatewayError | None) -> None:
        self._events = events
        self._error = error
        self.finished: Finished | None = None
        self.closed = False

    async def aclose(self) -> None:
        self.closed = True

    async def __aiter__(self) -> AsyncIterator[Event]:
        for event in self._events:
            yield event
        if self._error is not None:
            raise self._error
        self.finished = Finished()

    async def fetch(self, asset: Asset) -> AsyncIterator[bytes]:
        if asset.ref == "gone":
            raise UpstreamTimeout
        yield PNG + asset.ref.encode()


class Services:
    """What a turn needs, and what it did with it: a context and a keeper in one."""

    def __init__(self, *events: Event, error: GatewayError | None = None) -> None:
        self.exchange = FakeExchange(events, error)
        self.calls: list[Call] = []
        self.refusal: GatewayError | None = None
        self.can_keep = True
        self.reserved: set[str] = set()
        self.kept: list[ResponseObject] = []
        self.dispatcher = self.models = self.objects = self
        self.fetch = self.files = None
        self.clock = SimpleNamespace(
            now=lambda: datetime.fromtimestamp(1795291000, UTC), monotonic=lambda: 0.0
        )
        self.shared = SimpleNamespace(
            grok=SimpleNamespace(timeout=120, stream_total_timeout=600),
            limits=SimpleNamespace(file_mb=1),
        )

    def get(self, model: str, **_: Any) -> Offer:
        card = ModelCard(
            id=model, capability="chat", tier="basic", effort="low", created=0, wire={}
        )
        return Offer(card=card)

    async def open(self, call: Call) -> FakeExchange:
        if self.refusal is not None:
            raise self.refusal
        self.calls.append(call)
        return self.exchange

    def seal(self, plaintext: bytes, *, owner: str) -> str:
        return f"{owner}:{plaintext.decode()}"

    async def reserve(self, response_id: str, *, owner: str) -> None:
        del owner
        if not self.can_keep:
            raise StoreUnavailable
        self.reserved.add(response_id)

    async def keep(
        self,
        response: ResponseObject,
        *,
        history: History | None,
        items: tuple[Item, ...],
        blobs: Mapping[str, Blob],
        affinity: str,
        owner: str,
    ) -> bool:
        del history, items, blobs, affinity, owner
        if self.can_keep:
            self.reserved.discard(response.id)
            self.kept.append(response)
        return self.can_keep and response.store

    async def forget(self, response_id: str, *, owner: str) -> None:
        del owner
        self.reserved.discard(response_id)

    async def turn(
        self, request: Asked | None = None, *, streamed: bool = True, background: bool = False
    ) -> Turn:
        ctx: Any = self
        return await Turn.open(
            ctx,
            CALLER,
            request or asked(),
            None,
            ctx,
            streamed=streamed,
            background=background,
        )


async def read(turn: Turn, most: int = 1000) -> list[Emitted]:
    """Read the first events."""
    read: list[Emitted] = []
    async for event in turn:
        read.append(event)
        if len(read) == most:
            break
    return read
