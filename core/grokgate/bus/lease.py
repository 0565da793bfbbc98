"""Finds the leader of an installation: whoever holds a key in Redis or Valkey (F-STO-06).

```text
try ──SET NX PX──> leader ──renewed every 10 s──> leader …
                     ├─ the work ends ──> key deleted
                     └─ not renewed for 20 s ──> work cancelled ──10 s for its end──> key expired
```

Only the holder's own token renews or deletes the key. A process that was frozen longer than the key
lives goes on for a moment when it is woken, beside the next leader: the work has to bear that.
"""

import random
from contextlib import suppress
from typing import Any, Final

import anyio
from anyio import CancelScope
from redis.asyncio import Redis

from grokgate.bus.bus import Work
from grokgate.bus.connecting import FAULTS, LIMIT_S, connected
from grokgate.openai.ids import new_id
from grokgate.upstream import Secret

LEASE_S: Final = 30.0
_RENEWED: Final = 3
"""Times within a lease; its last part is left to work that ends."""
_RETRY_S: Final = 1.0

_RENEW: Final = """
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE: Final = """
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])
"""


class RedisLeadership:
    """A `Leadership` among the processes that name the same key; belongs to one event loop.

    Args:
        address: Of the server.
        installation: What tells this installation from others on the server.
        log: Told when this process begins and ceases to lead.
        rng: Spreads tries.
        lease_s: How long a leader that is not heard of keeps the others waiting; it renews three
            times as often.
    """

    def __init__(
        self,
        address: Secret,
        installation: str,
        *,
        log: Any,
        rng: random.Random,
        lease_s: float = LEASE_S,
    ) -> None:
        self._address = address
        self._key = f"grokgate:{{{installation}}}:leader"
        self._token = new_id("gw_")
        self._log = log
        self._rng = rng
        self._lease_s = lease_s
        self._renew_s = lease_s / _RENEWED
        self.leads = False

    async def lead(self, work: Work, /) -> None:
        """Wait until nobody else leads, do *work*, and do it anew after each loss."""
        async with connected(self._address) as client:
            while True:
                until_s = await self._won(client)
                self._log.info("leading")
                try:
                    self.leads = True
                    if await self._do(client, work, until_s):
                        return
                finally:
                    self.leads = False
                    await self._release(client)
                    self._log.info("not_leading")

    async def _won(self, client: Redis) -> float:
        """Wait for the lease; return until when the work may go on."""
        while True:
            asked_s = anyio.current_time()
            try:
                if await client.set(
                    self._key, self._token, nx=True, px=round(1000 * self._lease_s)
                ):
                    return self._end_of(asked_s)
            except FAULTS:  # the bus tells the log
                pass
            await anyio.sleep(self._renew_s * self._rng.uniform(0.5, 1.0))

    async def _do(self, client: Redis, work: Work, until_s: float) -> bool:
        """Do *work* while the lease is held; tell whether it ended by itself."""
        ended, failure = False, None
        async with anyio.create_task_group() as group:
            group.start_soon(self._renew, client, until_s, group.cancel_scope)
            try:
                await work()
                ended = True
            except Exception as error:  # noqa: BLE001 - raised below: the group would wrap it
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return ended

    async def _renew(self, client: Redis, until_s: float, work: CancelScope) -> None:
        """Renew the lease; when that cannot be done in time, or it is another's, cancel *work*."""
        renew = client.register_script(_RENEW)
        held, pause_s = True, self._renew_s
        while held and anyio.current_time() < until_s:
            await anyio.sleep(min(pause_s, until_s - anyio.current_time()))
            asked_s = anyio.current_time()
            try:
                with anyio.fail_after(max(0.0, until_s - asked_s)):
                    args = (self._token, str(round(1000 * self._lease_s)))
                    held = bool(await renew(keys=[self._key], args=args))
                until_s, pause_s = self._end_of(asked_s), self._renew_s
            except (*FAULTS, TimeoutError):
                pause_s = min(_RETRY_S, self._renew_s / _RENEWED)
        self.leads = False
        self._log.warning("leadership_lost")
        work.cancel()

    async def _release(self, client: Redis) -> None:
        with anyio.move_on_after(LIMIT_S, shield=True), suppress(*FAULTS):  # else it expires
            await client.register_script(_RELEASE)(keys=[self._key], args=[self._token])

    def _end_of(self, asked_s: float) -> float:
        return asked_s + self._lease_s - self._renew_s
