"""Places over all processes (I6): the `bus.Places` beside a `RedisHome`.

The server counts. Every process says again and again which places it holds, so those of one that
died are free after a while; and it knows whom it let in within the last minute, so that a server
which lost that learns it again.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import anyio

from grokgate.bus import MINUTE_S, Entry
from grokgate.errors import StoreUnavailable
from grokgate.scheduler.redis.client import gone
from grokgate.scheduler.redis.operations import Answer, Enter, Leave, Operation, Stay
from grokgate.scheduler.redis.outbox import Outbox
from grokgate.upstream import Clock

HELD_S: Final = 60.0
_RENEWED: Final = 3
"""Times while a place is held."""
_AGAIN_S: Final = 0.25
"""Between two tries to renew places at a server that is gone: they may be over when it is back."""
_TOLD_S: Final = 0.03
"""Within which the server knows of a place that another process gave back."""


class _Room:
    """What this process knows of a room."""

    __slots__ = ("came", "inside")

    def __init__(self) -> None:
        self.came: deque[tuple[str, float]] = deque()
        """Who was let in by this process within the last minute, and when; monotonic seconds."""
        self.inside: set[str] = set()


class RedisPlaces:
    """A `bus.Places` for several processes; used from one event loop.

    Args:
        outbox: Of the home: ``home.outbox``.
        ready: Whether the server's ledger is complete; nobody is let in while it is not.
        clock: Time of this process.
        held_s: How long the places of a dead process stay held.
    """

    def __init__(
        self, outbox: Outbox, *, ready: Callable[[], bool], clock: Clock, held_s: float = HELD_S
    ) -> None:
        self._outbox = outbox
        self._ready = ready
        self._clock = clock
        self._held_s = held_s
        self._held_ms = round(1000 * held_s)
        self._rooms: dict[str, _Room] = {}
        outbox.restore(self._restored)

    async def enter(
        self, room: str, place: str, /, *, most: int | None = None, per_minute: int | None = None
    ) -> Entry:
        """Let one in, in one step for all processes.

        Raises:
            StoreUnavailable: Nobody can tell; it was not let in.
        """
        wanted = Enter(
            room=room, place=place, most=most, per_minute=per_minute, held_ms=self._held_ms
        )
        answer = await self._ask(wanted)
        if answer.holder:
            await anyio.sleep(_TOLD_S)  # whoever asks next elsewhere is as fast as who has left
            answer = await self._ask(wanted)
        if not answer.refused:
            self._note(wanted)
        return Entry(
            is_in=not answer.refused,
            holder=answer.holder,
            came=answer.came,
            reset_s=answer.reset_ms / 1000,
            wait_s=answer.wait_ms / 1000,
        )

    def leave(self, room: str, place: str, /) -> None:
        """Give a place back; the server is told as soon as it can be."""
        known = self._rooms.get(room)
        if known is None or place not in known.inside:
            return
        known.inside.discard(place)
        self._outbox.put(Leave(room=room, place=place))
        self._forget_if_empty(room)

    async def run(self) -> None:
        """Say which places are held, until cancelled."""
        renewed = True
        while True:
            await anyio.sleep(self._held_s / _RENEWED if renewed else _AGAIN_S)
            for name in tuple(self._rooms):
                self._forget_if_empty(name)
            renewed = await self._renewed()

    async def _renewed(self) -> bool:
        """Say once which places are held; False: the server is gone."""
        held = [(name, room) for name, room in self._rooms.items() if room.inside]
        if not held:
            return True
        try:  # the answer to the first tells that the others do not pile up here
            await self._outbox.ask(self._stay(*held[0]))
        except StoreUnavailable:
            return False
        for name, room in held[1:]:
            self._outbox.put(self._stay(name, room))
        return True

    async def _ask(self, wanted: Enter) -> Answer:
        if not self._ready():
            raise gone()
        return await self._outbox.ask(wanted, unwanted=partial(self._give_back, wanted))

    def _give_back(self, wanted: Enter, answer: Answer) -> None:
        if not answer.refused and wanted.most is not None:
            self._outbox.put(Leave(room=wanted.room, place=wanted.place))

    def _note(self, entered: Enter) -> None:
        room = self._rooms.setdefault(entered.room, _Room())
        if entered.most is not None:
            room.inside.add(entered.place)
        if entered.per_minute is not None:
            self._slide(room)
            room.came.append((entered.place, self._clock.monotonic()))

    def _restored(self) -> Sequence[Operation]:
        """List what has a ledger that was begun anew take in again."""
        return [self._stay(name, room, whole=True) for name, room in self._rooms.items()]

    def _stay(self, name: str, room: _Room, *, whole: bool = False) -> Stay:
        came: dict[str, int] = {}
        if whole:
            self._slide(room)
            now = self._clock.monotonic()
            came = {place: round(1000 * (now - at)) for place, at in room.came}
        return Stay(room=name, places=tuple(room.inside), held_ms=self._held_ms, came=came)

    def _forget_if_empty(self, name: str) -> None:
        room = self._rooms[name]
        self._slide(room)
        if not room.inside and not room.came:
            del self._rooms[name]

    def _slide(self, room: _Room) -> None:
        over = self._clock.monotonic() - MINUTE_S
        while room.came and room.came[0][1] <= over:
            room.came.popleft()
