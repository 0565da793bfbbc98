"""What goes on in the processes of an installation, as a sorted set in Redis or Valkey.

Each process writes the names of what goes on in it, again and again, with the time until when that
holds. What a process that died had written is over when that time has come. Times are the server's.

That something has ended is written likewise, as a negative time. A name that is not there at all
says nothing while the server may have missed or lost what was written: it notes since when it has
been told of things without a gap, and until that has lasted as long as a name holds, all that is
not known to have ended is taken to go on.
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
_WATCHED_S: Final = 3.0
"""How long a look of one that watches counts."""
_PAUSE_S: Final = (0.1, 0.5)
"""Between two tries to reach the server."""
_AWAY_S: Final = 1.0
"""After a fault the server is not asked for so long: one request may ask of many names."""

_NOW: Final = """
local at = redis.call('TIME')
local now = at[1] * 1000 + math.floor(at[2] / 1000)
local told = tonumber(redis.call('HGET', KEYS[2], 'told') or 0)
local is_gap = now - told > ARGV[1] / 2
"""
_WRITE: Final = f"""{_NOW}
if is_gap then
    redis.call('HSET', KEYS[2], 'since', now)
end
redis.call('HSET', KEYS[2], 'told', now)
redis.call('ZREMRANGEBYSCORE', KEYS[1], -now, now)
for i = 3, #ARGV do
    local ended = i >= 3 + ARGV[2]
    redis.call('ZADD', KEYS[1], (ended and -1 or 1) * (now + ARGV[1]), ARGV[i])
end
"""
_GOES_ON: Final = f"""{_NOW}
if ARGV[3] ~= '' then
    redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
    redis.call('ZADD', KEYS[3], now + ARGV[3], ARGV[2])
end
local until_ms = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[2]) or 0)
if until_ms < 0 or until_ms > now then
    return until_ms > 0
end
return is_gap or now - redis.call('HGET', KEYS[2], 'since') < tonumber(ARGV[1])
"""
_IS_WATCHED: Final = f"""{_NOW}
local until_ms = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[2]) or 0)
return until_ms > now
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
        name = f"grokgate:{{{installation}}}:going-on"
        self._keys = (name, f"{name}-told", f"{name}-watched")
        self._rng = rng
        self._held_ms = round(1000 * held_s)
        self._here: set[str] = set()
        self._untold: dict[str, asyncio.Event] = {}
        """Begun, which the server has not been told yet."""
        self._ended: set[str] = set()
        """Over, which the server has not been told yet."""
        self._stirred = asyncio.Event()
        self._reader: Redis | None = None
        self._away_until_s = 0.0
        self.answers = False

    def begin(self, name: str, /) -> None:
        """Note that *name* goes on here."""
        self._here.add(name)
        self._untold[name] = asyncio.Event()
        self._ended.discard(name)
        self._stirred.set()

    def end(self, name: str, /) -> None:
        """Note that it is over."""
        self._here.discard(name)
        self._tell(name)
        self._ended.add(name)
        self._stirred.set()

    async def told(self, name: str, /) -> None:
        """Wait until *name* is written."""
        untold = self._untold.get(name)
        if untold is not None:
            await untold.wait()

    async def goes_on(self, name: str, /, *, watching: bool = False) -> bool:
        """Tell whether *name* goes on in any process; True while the server cannot be asked."""
        if name in self._here:
            return True
        watched_ms = round(1000 * _WATCHED_S) if watching else ""
        return await self._ask(_GOES_ON, name, watched_ms, unknown=True)

    async def is_watched(self, name: str, /) -> bool:
        """Tell whether another process has watched *name* in the last seconds."""
        return await self._ask(_IS_WATCHED, name, unknown=False)

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
                with anyio.move_on_after(self._held_ms / 1000 / _WRITTEN):
                    await self._stirred.wait()

    async def _ask(self, script: str, name: str, *more: int | str, unknown: bool) -> bool:
        """Return what *script* says of *name*; *unknown*: while the server cannot be asked."""
        if self._reader is None or anyio.current_time() < self._away_until_s:
            return unknown
        ask = self._reader.register_script(script)
        try:
            said: Any = await ask(keys=self._keys, args=[self._held_ms, name, *more])
        except FAULTS:
            self.answers, self._away_until_s = False, anyio.current_time() + _AWAY_S
            return unknown
        self.answers = True
        return bool(said)

    async def _write(self, client: Redis) -> None:
        self._stirred.clear()
        here, ended = list(self._here), list(self._ended)
        args: list[int | str] = [self._held_ms, len(here), *here, *ended]
        await client.register_script(_WRITE)(keys=self._keys, args=args)
        self._ended.difference_update(ended)
        for name in here:
            self._tell(name)

    def _tell(self, name: str) -> None:
        """Let those go on who wait for *name* to be known."""
        untold = self._untold.pop(name, None)
        if untold is not None:
            untold.set()
