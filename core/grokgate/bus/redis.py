"""The bus over a stream in Redis or Valkey.

```text
publish ──> outbox, one mailbox per topic ──XADD──> stream ──XREAD──> mailboxes ──> followers
```

1. Every entry names the one before it. A reader that misses one (the stream was cut, emptied, or is
   another server's) has all followers read everything again.
2. So does every connection that is made: whoever could not be reached may have died since, with
   messages that nobody has heard.
3. So does time, once a minute: a process may die between its commit and its message.
4. What cannot be sent waits, as ids without repetition, and is sent when the server is back.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

import anyio
import msgspec
from redis.asyncio import Redis

from grokgate.bus.bus import Follower, Ids
from grokgate.bus.connecting import FAULTS, LIMIT_S, connected
from grokgate.bus.mailbox import Mailbox, Subscription
from grokgate.openai.ids import new_id
from grokgate.upstream import Secret

_KEPT: Final = 1000
"""Entries of the stream, roughly; a reader further behind reads everything again."""
_AT_ONCE: Final = 100
_AWAY_RESYNC_S: Final = 5.0
"""Between two looks at the database while the server is away."""
_START: Final = "0-0"
_PAUSE_S: Final = (0.1, 0.5)
"""Between two tries to reach the server."""

_Entry: TypeAlias = tuple[str, dict[str, str]]

_PUBLISH: Final = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',
    'after', last and last[1] or '0-0', 'from', ARGV[2], 'topic', ARGV[3], 'ids', ARGV[4])
"""


class RedisBus:
    """A `Bus` between the processes that name the same stream; belongs to one event loop.

    Args:
        address: Of the server.
        installation: What tells this installation from others on the server.
        log: Told when the server is away, and when it is back.
        rng: Spreads tries.
        look_s: How often an idle reader makes sure that it missed nothing.
        resync_s: How often everything is read again without any reason.
    """

    def __init__(
        self,
        address: Secret,
        installation: str,
        *,
        log: Any,
        rng: random.Random,
        look_s: float = 1.0,
        resync_s: float = 60.0,
    ) -> None:
        self._address = address
        self._stream = f"grokgate:{{{installation}}}:bus"
        self._id = new_id("gw_")
        self._log = log
        self._rng = rng
        self._look_s = look_s
        self._resync_s = resync_s
        self._subscriptions: list[Subscription] = []
        self._outbox: defaultdict[str, Mailbox] = defaultdict(Mailbox)
        self._written = asyncio.Event()
        self._is_lost = False
        self._resynced_s = 0.0

    def publish(self, topic: str, ids: Iterable[str] = (), /) -> None:
        """Have the other processes told as soon as the server can be reached."""
        self._outbox[topic].put(frozenset(ids))
        self._written.set()

    def subscribe(self, topic: str, follower: Follower, /) -> None:
        """Have *follower* told; first of all that anything may have changed by now."""
        self._subscriptions.append(Subscription(topic, follower, self._log))

    async def run(self) -> None:
        """Carry messages until cancelled."""
        async with anyio.create_task_group() as group:
            for subscription in self._subscriptions:
                group.start_soon(subscription.serve)
            group.start_soon(self._keep_sending)
            group.start_soon(self._keep_reading)
            group.start_soon(self._resync_now_and_then)

    # -- sending -----------------------------------------------------------------------------

    async def _keep_sending(self) -> None:
        async with connected(self._address) as client:
            while True:
                with suppress(*FAULTS):  # the reader tells the log
                    await self._send(client)
                await self._pause()

    async def _send(self, client: Redis) -> None:
        publish = client.register_script(_PUBLISH)
        while True:
            await self._written.wait()
            self._written.clear()
            for topic, box in tuple(self._outbox.items()):
                if not box.stirred.is_set():
                    continue
                ids = box.take()
                told = msgspec.json.encode(None if ids is None else sorted(ids)).decode()
                try:
                    await publish(keys=[self._stream], args=[_KEPT, self._id, topic, told])
                except BaseException:
                    box.put(ids)
                    self._written.set()
                    raise

    # -- reading -----------------------------------------------------------------------------

    async def _keep_reading(self) -> None:
        async with connected(self._address, answer_s=self._look_s + LIMIT_S) as client:
            while True:
                try:
                    await self._read(client)
                except FAULTS as error:
                    self._note(error)
                    if anyio.current_time() - self._resynced_s >= _AWAY_RESYNC_S:
                        self._resync()  # the database can be asked meanwhile
                await self._pause()

    async def _read(self, client: Redis) -> None:
        position = await self._newest(client)
        self._note(None)
        self._resync()
        while True:
            entries = await self._entries(client, position)
            for entry_id, fields in entries:
                if fields["after"] != position:
                    self._missed()
                self._deliver(fields)
                position = entry_id
            # One that comes just between the two commands is taken for one that was missed.
            if not entries and position != (newest := await self._newest(client)):
                self._missed()
                position = newest

    async def _entries(self, client: Redis, position: str) -> Sequence[_Entry]:
        found: Any = await client.xread(
            {self._stream: position}, count=_AT_ONCE, block=round(1000 * self._look_s)
        )
        return found[0][1] if found else ()

    async def _newest(self, client: Redis) -> str:
        newest: Any = await client.xrevrange(self._stream, count=1)
        return str(newest[0][0]) if newest else _START

    def _deliver(self, fields: dict[str, str]) -> None:
        if fields["from"] == self._id:
            return
        told = msgspec.json.decode(fields["ids"], type=frozenset[str] | None)
        self._tell(told, topic=fields["topic"])

    def _missed(self) -> None:
        self._log.info("bus_missed_messages")
        self._resync()

    def _resync(self) -> None:
        self._resynced_s = anyio.current_time()
        self._tell(None)

    def _tell(self, ids: Ids, *, topic: str | None = None) -> None:
        """Tell the followers of *topic*; None: all."""
        for subscription in self._subscriptions:
            if topic in {None, subscription.topic}:
                subscription.box.put(ids)

    async def _pause(self) -> None:
        await anyio.sleep(self._rng.uniform(*_PAUSE_S))

    async def _resync_now_and_then(self) -> None:
        while True:
            await anyio.sleep(self._resync_s * self._rng.uniform(0.75, 1.25))
            self._resync()

    def _note(self, error: Exception | None) -> None:
        """Log once that the server is away, and once that it is back."""
        is_lost = error is not None
        if is_lost and not self._is_lost:
            self._log.warning("bus_lost", error=type(error).__name__)
        elif self._is_lost and not is_lost:
            self._log.info("bus_back")
        self._is_lost = is_lost
