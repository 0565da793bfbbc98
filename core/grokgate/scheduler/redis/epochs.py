"""Begins the shared ledger, and begins it anew when the server has lost it.

An *epoch* is the life of one ledger in one run of one server. Whoever finds that there is none, or
that the server was started again since, takes a lock and fills it from its own view; the others
wait for that, take over what is there, and add what they know better: the youngest copy of a row
wins. When all have had time for that, leases that only their owner knows come back, with whatever
was on its way; and when all have had time for that, too, tokens are leased again. Numbers go on far
above all that were known: another process may have seen higher ones.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from uuid import uuid4

import anyio

from grokgate.scheduler.holding import Moment
from grokgate.scheduler.redis import scripts
from grokgate.scheduler.redis.client import EMPTIED, Link
from grokgate.scheduler.redis.rows import Row, pack
from grokgate.scheduler.redis.view import View

_PORTION = 500
_LOCK_MS = 5_000
_AGAIN_S = 0.05
_MARGIN = 1_000_000


class Epochs:
    """This process's part in the ledger.

    Args:
        link: To the server.
        view: Filled from it, and it from the view.
        now: Returns the time by the server's clock.
        lease_s: For how long a lease holds without a heartbeat.
    """

    def __init__(
        self, link: Link, view: View, *, now: Callable[[], Moment], lease_s: float
    ) -> None:
        self.position = 0
        """Number of the last change that the view has taken over."""
        self.begun_ms = 0
        """When the ledger was begun anew; 0: there was none before."""
        self.better: list[str] = []
        """Tokens of which the view has younger rows than those that were there."""
        self._link = link
        self._view = view
        self._now = now
        self._lease_s = lease_s
        self._fill = link.client.register_script(scripts.text("fill"))

    async def join(self) -> None:
        """Take part in the ledger as it is now; if it is still the same, nothing changes."""
        client, keys = self._link.client, self._link.keys
        server = str((await client.info("server")).get("run_id", ""))
        mine: str | None = None
        while True:
            epoch, of_server, begun_ms = await client.hmget(
                keys.facts, "epoch", "server", "begun_ms"
            )
            if epoch and (of_server or b"").decode() == server:
                break
            if await self._locked():
                mine = await self._begin(server)
            else:
                await anyio.sleep(_AGAIN_S)
        if epoch.decode() == self._link.epoch:
            return
        if epoch.decode() != mine:
            await self.reload()
        self._link.epoch = epoch.decode()
        self.begun_ms = int(begun_ms or 0)

    async def reload(self) -> None:
        """Take over every row, add those that are missing, and list in `better` what is older."""
        client, keys = self._link.client, self._link.keys
        change, sequence = await client.hmget(keys.facts, "change", "sequence")
        missing = set(self._view.entries)
        self.better = []
        cursor = None
        while cursor != 0:
            cursor, rows = await client.hscan(keys.rows, cursor or 0, count=_PORTION)
            for name, packed in rows.items():
                token = name.decode()
                missing.discard(token)
                if not self._view.adopt(token, packed, self._now()):
                    self.better.append(token)
        await self._add(missing)
        self._view.advance(int(sequence or 0))
        self.position = int(change or 0)

    async def refresh(self, tokens: Sequence[str]) -> None:
        """Take over the rows of some tokens, and add those that are missing."""
        known = [token for token in tokens if token in self._view.entries]
        await self._add(known)
        for names in _portions(known):
            for name, packed in (await self.rows(names)).items():
                self._view.adopt(name, packed, self._now())

    async def rows(self, tokens: Sequence[str]) -> dict[str, bytes]:
        """Read some rows; an empty one: the token is gone.

        Raises:
            Lost: The ledger is another one now, or none: that they are missing there says nothing.
        """
        keys = self._link.keys
        pipeline = self._link.client.pipeline(transaction=True)
        pipeline.hget(keys.facts, "epoch").hmget(keys.rows, tokens)
        epoch, rows = await pipeline.execute()
        if (epoch or b"").decode() != self._link.epoch:
            raise self._link.lose(EMPTIED)
        return {token: row or b"" for token, row in zip(tokens, rows, strict=True)}

    async def _locked(self) -> bool:
        """Take the lock, unless another process has it."""
        client, name, mine = self._link.client, self._link.keys.lock, self._link.process
        if await client.set(name, mine, nx=True, px=_LOCK_MS):
            return True
        return bool(await client.get(name) == mine.encode())

    async def _begin(self, server: str) -> str:
        """Fill the ledger and return the epoch.

        What is there is of unknown age: a process that took part before knows all there was, and
        one that did not knows what the database has. Numbers go by the time, as nobody who knows
        how far they were may be left.
        """
        client, keys = self._link.client, self._link.keys
        change, sequence = (
            int(number or 0) for number in await client.hmget(keys.facts, "change", "sequence")
        )
        change = max(change, self.position, self._now().ms) + _MARGIN
        self.better = []
        if self._link.epoch is None:
            await client.delete(keys.rows, keys.leases)
        await self._overwrite()
        epoch = uuid4().hex
        facts = {
            "epoch": epoch,
            "server": server,
            "begun_ms": self._now().ms,
            "sequence": max(sequence, self._view.sequence, self._now().ms) + _MARGIN,
            "change": change,
        }
        pipeline = client.pipeline(transaction=True)
        pipeline.delete(keys.changes).hset(keys.facts, mapping=facts).delete(keys.lock)
        await pipeline.execute()
        self.position = change
        return epoch

    async def _overwrite(self) -> None:
        """Write all rows as this process knows them, with their leases."""
        keys = self._link.keys
        for names in _portions(self._view.entries):
            at = self._now()
            rows = self._rows(names, at)
            expires_ms = at.ms + round(self._lease_s * 1000)
            leases = {
                f"{fence}:{token}": expires_ms
                for token, row in rows.items()
                for fence in row.leases
            }
            pipeline = self._link.client.pipeline(transaction=False)
            pipeline.hset(keys.rows, mapping={token: pack(row) for token, row in rows.items()})
            pipeline.pexpire(keys.lock, _LOCK_MS)
            if leases:
                pipeline.zadd(keys.leases, leases, nx=True)
            await pipeline.execute()

    async def _add(self, tokens: Iterable[str]) -> None:
        """Write the rows that are not there, as they were stored."""
        for names in _portions(tokens):
            rows = self._rows(names, self._now())
            words = [word for token, row in rows.items() for word in (token, pack(row))]
            await self._fill(keys=[self._link.keys.rows], args=words)

    def _rows(self, names: Iterable[str], at: Moment) -> dict[str, Row]:
        entries = (self._view.entries.get(name) for name in names)
        return {entry.id: self._view.row(entry, at) for entry in entries if entry is not None}


def _portions(names: Iterable[str]) -> Iterator[list[str]]:
    """Split *names*, as they are now, into portions."""
    remaining = iter(list(names))
    while portion := list(islice(remaining, _PORTION)):
        yield portion
