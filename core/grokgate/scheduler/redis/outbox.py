"""Operations on their way to the server: in order, in batches, each carried out once.

One batch is under way at a time; what comes meanwhile gathers for the next. A batch whose answer
was lost is sent again under the same number, which the server recognizes.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, TypeAlias

import anyio

from grokgate.scheduler.redis.client import Defect, Link, Lost, gone
from grokgate.scheduler.redis.operations import Answer, Batch, Operation, Override, Put, Remove
from grokgate.upstream import Clock

Received: TypeAlias = Callable[[Batch, Mapping[str, bytes]], None]
"""Told what came of a batch, and the rows it touched, before anybody who waits for it is."""

SIZE = 10_000
_BATCH = 128
_KEPT = (Put, Override, Remove)
"""Never dropped."""
_GATHER_S = 0.005
"""How long what nobody waits for may lie, so that it goes with what somebody does."""
_LONGEST_S = 1.0
"""For an answer; the breaker opens long before, unless nobody sends."""


class _Item:
    """An operation on its way, and who waits for its answer."""

    __slots__ = ("at_s", "future", "operation", "unwanted")

    def __init__(self, operation: Operation, at_s: float) -> None:
        self.operation = operation
        self.at_s = at_s
        self.future: asyncio.Future[Answer] | None = None
        self.unwanted: Callable[[Answer], None] | None = None

    def answer(self, answer: Answer) -> None:
        if self.future is not None and not self.future.done():
            self.future.set_result(answer)
        elif self.unwanted is not None:
            self.unwanted(answer)

    def fail(self) -> None:
        if self.future is not None and not self.future.done():
            self.future.set_exception(gone())


class Outbox:
    """The operations of one process.

    Args:
        link: Takes them away.
        clock: Tells how long they have waited.
        received: Told of every answer.
        log: Told of what had to be dropped.
        size: How many may wait. More are dropped: their leases expire, which charges them. What
            operators decided is never dropped; `room` bounds it.
    """

    def __init__(
        self, link: Link, *, clock: Clock, received: Received, log: Any, size: int = SIZE
    ) -> None:
        self.dropped = 0
        """Operations that found no room, or could not be carried out."""
        self._link = link
        self._clock = clock
        self._received = received
        self._log = log
        self._size = size
        self._waiting: deque[_Item] = deque()
        self._batch: list[_Item] = []
        self._number = 0
        self._stirred = asyncio.Event()
        self._pressed = asyncio.Event()
        self._eased = asyncio.Event()
        self._turn = asyncio.Lock()
        self._known: list[Callable[[], Sequence[Operation]]] = []
        link.subscribe(self._lost)

    def __len__(self) -> int:
        """Return how many operations are not known to be carried out (``settle_backlog``)."""
        return len(self._waiting) + len(self._batch)

    def put(self, operation: Operation) -> None:
        """Have *operation* carried out, if there is room; never waits and never fails."""
        self._append(_Item(operation, self._clock.monotonic()))

    @property
    def has_room(self) -> bool:
        """Whether half of the room is free."""
        return len(self) <= self._size // 2

    async def room(self) -> bool:
        """Wait until half of the room is free; False: it is not, and the server is gone."""
        while not self.has_room and self._link.up:
            self._eased.clear()
            await self._eased.wait()
        return self.has_room

    async def send_first(self, operations: Iterator[Operation]) -> None:
        """Have *operations* carried out now, before all that wait, while nothing else is sent.

        They are taken in portions, with calls in between.

        Raises:
            Lost: Perhaps they were not.
        """
        while portion := list(islice(operations, _BATCH)):
            async with self._turn:
                self._number += 1
                batch, rows = await self._link.apply(self._number, portion)
            self._received(batch, rows)

    async def send_all(self) -> None:
        """Send what waits until nothing does, before it is sent by itself.

        Raises:
            Lost: Something waits still.
        """
        while len(self):
            await self._send()

    def restore(self, known: Callable[[], Sequence[Operation]]) -> None:
        """Have what *known* returns carried out first of all in every other ledger."""
        self._known.append(known)

    async def begin_anew(self, operations: Sequence[Operation]) -> None:
        """Go on in another ledger: *operations* first, then what waits.

        A batch under way becomes one of them again, but for those who waited for its answer: they
        have been told that the server was gone.
        """
        async with self._turn:
            now_s = self._clock.monotonic()
            again, self._batch = [item for item in self._batch if item.future is None], []
            self._waiting.extendleft(reversed(again))
            first = [*operations, *(one for known in self._known for one in known())]
            self._waiting.extendleft(_Item(one, now_s) for one in reversed(first))
            self._stirred.set()

    async def ask(
        self, operation: Operation, *, unwanted: Callable[[Answer], None] | None = None
    ) -> Answer:
        """Have *operation* carried out and return the answer.

        Args:
            operation: What to do.
            unwanted: Told the answer if it comes after the wait was given up or cancelled.

        Raises:
            StoreUnavailable: The server is gone.
        """
        if not self._link.up:
            raise gone()
        item = _Item(operation, self._clock.monotonic())
        item.future, item.unwanted = asyncio.get_running_loop().create_future(), unwanted
        if not self._append(item):
            raise gone()
        try:
            async with asyncio.timeout(_LONGEST_S):
                return await item.future
        except (TimeoutError, asyncio.CancelledError) as error:
            if item.future.done() and not item.future.cancelled() and not item.future.exception():
                item.answer(item.future.result())
            if isinstance(error, TimeoutError):
                raise gone() from None
            raise

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._stirred.wait()
            await self._link.ready()
            await self._gather()
            await self.send()

    async def send(self) -> None:
        """Send the next batch, or the last one once more."""
        with suppress(Lost):
            await self._send()

    async def _send(self) -> None:
        async with self._turn:
            self._prepare()
            if not self._batch:
                self._stirred.clear()
                return
            try:
                reply = await self._link.apply(self._number, self._operations())
            except Defect as error:
                self._give_up(str(error))
                return
            self._answer(*reply)

    def _append(self, item: _Item) -> bool:
        if len(self) >= self._size and not isinstance(item.operation, _KEPT):
            self._drop(1, "full")
            return False
        self._waiting.append(item)
        self._stirred.set()
        if item.future is not None or len(self._waiting) >= _BATCH:
            self._pressed.set()
        return True

    async def _gather(self) -> None:
        """Wait for more, unless somebody waits for an answer, or a batch is full."""
        if not self._batch:
            with anyio.move_on_after(_GATHER_S):
                await self._pressed.wait()

    def _prepare(self) -> None:
        """Make up a batch, unless one is under way."""
        if self._batch:
            return
        count = min(_BATCH, len(self._waiting))
        self._batch = [self._waiting.popleft() for _ in range(count)]
        if not self._waiting:
            self._pressed.clear()
        self._number += 1

    def _operations(self) -> list[Operation]:
        now_s = self._clock.monotonic()
        for item in self._batch:
            item.operation.age_ms = max(0, round((now_s - item.at_s) * 1000))
        return [item.operation for item in self._batch]

    def _answer(self, batch: Batch, rows: Mapping[str, bytes]) -> None:
        items, self._batch = self._batch, []
        self._eased.set()
        self._received(batch, rows)
        for item, answer in zip(items, batch.answers, strict=True):
            item.answer(answer)

    def _give_up(self, why: str) -> None:
        """Drop a batch that the server cannot carry out, lest it stop all others."""
        items, self._batch = self._batch, []
        self._eased.set()
        self._drop(len(items), why)
        for item in items:
            item.fail()

    def _lost(self) -> None:
        """Let nobody wait for a server that is gone."""
        self._eased.set()
        for item in (*self._batch, *self._waiting):
            item.fail()
        self._waiting = deque(item for item in self._waiting if item.future is None)

    def _drop(self, count: int, why: str) -> None:
        if not self.dropped:
            self._log.error("runtime_store_operations_dropped", why=why)
        self.dropped += count
