"""What all processes know of who comes to the door, in Redis or Valkey. Times are the server's.

Everything is noted by the process itself, too: that counts while the server is away, and nobody
waits long for a server that is.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import anyio
from redis.asyncio import Redis

from grokgate.bus.connecting import FAULTS, connected
from grokgate.bus.notes import FORGET_S, MOST, Failures, LocalNotes
from grokgate.upstream import Clock, Secret

T = TypeVar("T")

_ANSWER_S: Final = 0.25
_AWAY_S: Final = 1.0
"""After a fault the server is not asked for so long."""

_NOW: Final = """
local at = redis.call('TIME')
local now = at[1] * 1000 + math.floor(at[2] / 1000)
local last = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]) or now)
local count = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0)
"""
_FAILED: Final = f"""{_NOW}
count = now - last <= tonumber(ARGV[2]) and count + 1 or 1
redis.call('HSET', KEYS[1], ARGV[1], count)
redis.call('ZADD', KEYS[2], now, ARGV[1])
if redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], redis.call('ZPOPMIN', KEYS[2])[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return count
"""
_FAILURES: Final = f"""{_NOW}
return {{count, now - last}}
"""


class RedisNotes:
    """The `Notes` of the processes that name the same installation; belongs to one event loop.

    Args:
        address: Of the server.
        installation: What tells this installation from others on the server.
        clock: Decides while the server is away.
        most: Sources that are remembered.
    """

    def __init__(
        self, address: Secret, installation: str, *, clock: Clock, most: int = MOST
    ) -> None:
        self._address = address
        self._prefix = f"grokgate:{{{installation}}}:note:"
        self._failures = [f"grokgate:{{{installation}}}:{name}" for name in ("failed", "failed-at")]
        self._local = LocalNotes(clock, most=most)
        self._most = most
        self._turn = anyio.Lock()
        self._client: Redis | None = None
        self._away_until_s = 0.0

    async def note(self, name: str, /, *, for_s: float) -> bool:
        """Remember *name*; of several processes that do at once, one is told that it was new."""

        async def note(client: Redis) -> bool:
            key, held_ms = self._prefix + name, round(1000 * for_s)
            return await client.set(key, 1, px=held_ms, get=True) is None

        async with self._turn:  # who is first here has to be the first of us there
            new_here = await self._local.note(name, for_s=for_s)
            return await self._ask(note, away=True) and new_here

    async def noted(self, name: str, /) -> bool:
        """Tell whether any process remembers *name*."""

        async def noted(client: Redis) -> bool:
            return bool(await client.exists(self._prefix + name))

        return await self._local.noted(name) or await self._ask(noted, away=False)

    async def failed(self, source: str, /) -> int:
        """Count a failure of *source* at any process."""

        async def failed(client: Redis) -> int:
            args: list[str | int] = [source, round(1000 * FORGET_S), self._most]
            count: Any = await client.register_script(_FAILED)(keys=self._failures, args=args)
            return int(count)

        return await self._ask(failed, away=await self._local.failed(source))

    async def failures(self, source: str, /) -> Failures:
        """Return how often *source* has failed at all processes."""

        async def failures(client: Redis) -> Failures:
            found: Any = await client.register_script(_FAILURES)(keys=self._failures, args=[source])
            return Failures(found[0], found[1] / 1000)

        return await self._ask(failures, away=await self._local.failures(source))

    async def forgive(self, source: str, /) -> None:
        """Forget the failures of *source* at all processes."""

        async def forgive(client: Redis) -> None:
            counts, times = self._failures
            pipeline: Any = client.pipeline()
            await pipeline.hdel(counts, source).zrem(times, source).execute()

        await self._local.forgive(source)
        await self._ask(forgive, away=None)

    async def run(self) -> None:
        """Tell the others until cancelled."""
        async with connected(self._address, answer_s=_ANSWER_S) as client:
            self._client = client
            try:
                await anyio.sleep_forever()
            finally:
                self._client = None

    async def _ask(self, question: Callable[[Redis], Awaitable[T]], *, away: T) -> T:
        """Return the server's answer; *away* while it cannot be asked."""
        if self._client is None or anyio.current_time() < self._away_until_s:
            return away
        try:
            return await question(self._client)
        except FAULTS:
            self._away_until_s = anyio.current_time() + _AWAY_S
            return away
