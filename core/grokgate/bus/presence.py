"""What goes on in the processes of an installation, as a sorted set in Redis or Valkey.

Each process writes the names of what goes on in it, again and again, with the time until when that
holds. What a process that died had written is over when that time has come. Times are the server's.
"""

import asyncio
import random
from typing import Any, Final

import anyio
from redis.asyncio import Redis

from grokgate.bus.connecting import FAULTS, connected
from grokgate.upstream import Secret

HELD_S: Final = 30.0
_WRITTEN: Final = 3
"""Times while it holds."""
_PAUSE_S: Final = (0.1, 0.5)
"""Between two tries to reach the server."""

_WRITE: Final = """
local at = redis.call('TIME')
local now = at[1] * 1000 + math.floor(at[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for i = 3, #ARGV do
    if i < 3 + ARGV[2] then
        redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i])
    else
        redis.call('ZREM', KEYS[1], ARGV[i])
    end
end
"""
_GOES_ON: Final = """
local at = redis.call('TIME')
local until_ms = redis.call('ZSCORE', KEYS[1], ARGV[1])
return until_ms and tonumber(until_ms) > at[1] * 1000 + math.floor(at[2] / 1000)
"""


class RedisPresence:
    """A `Presence` among the processes that name the same set; belongs to one event loop.

    Args:
        address: Of the server.
        installation: What tells this installation from others on the server.
        rng: Spreads tries.
        held_s: How long what a dead process did is taken to go on.
    """

    def __init__(
        self, address: Secret, installation: str, *, rng: random.Random, held_s: float = HELD_S
    ) -> None:
        self._address = address
        self._set = f"grokgate:{{{installation}}}:going-on"
        self._rng = rng
        self._held_s = held_s
        self._here: set[str] = set()
        self._ended: set[str] = set()
        """Over, which the server has not been told yet."""
        self._stirred = asyncio.Event()
        self._reader: Redis | None = None

    def begin(self, name: str, /) -> None:
        """Note that *name* goes on here."""
        self._here.add(name)
        self._ended.discard(name)
        self._stirred.set()

    def end(self, name: str, /) -> None:
        """Note that it is over."""
        self._here.discard(name)
        self._ended.add(name)
        self._stirred.set()

    async def goes_on(self, name: str, /) -> bool:
        """Tell whether *name* goes on in any process; True while the server cannot be asked."""
        if name in self._here or self._reader is None:
            return True
        try:
            asked: Any = await self._reader.register_script(_GOES_ON)(keys=[self._set], args=[name])
        except FAULTS:
            return True
        return bool(asked)

    async def run(self) -> None:
        """Tell the others until cancelled."""
        async with connected(self._address) as client:
            self._reader = client
            while True:
                try:
                    await self._write(client)
                except FAULTS:  # the bus tells the log
                    await anyio.sleep(self._rng.uniform(*_PAUSE_S))
                    continue
                with anyio.move_on_after(self._held_s / _WRITTEN):
                    await self._stirred.wait()

    async def _write(self, client: Redis) -> None:
        self._stirred.clear()
        here, ended = list(self._here), list(self._ended)
        if not here and not ended:
            return
        args: list[int | str] = [round(1000 * self._held_s), len(here), *here, *ended]
        await client.register_script(_WRITE)(keys=[self._set], args=args)
        self._ended.difference_update(ended)
