"""Begins the shared ledger, and begins it anew when the server has lost it.

An *epoch* is the life of one ledger in one run of one server. Whoever finds that there is none, or
that the server was started again since, takes a lock and fills it from its own view, step by step,
each of which is refused once the lock has lapsed; the others wait for that, take over what is
there, and add what they know better: the youngest copy of a row wins (`joining`). Numbers go on far
above all that were known: another process may have seen higher ones.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from uuid import uuid4

import anyio

from grokgate.scheduler.holding import Moment
from grokgate.scheduler.redis import scripts
from grokgate.scheduler.redis.client import EMPTIED, Link
from grokgate.scheduler.redis.layout import LAYOUT, is_own, require_own_layout
from grokgate.scheduler.redis.operations import Better, Operation
from grokgate.scheduler.redis.rows import Row, pack
from grokgate.scheduler.redis.view import View

_PORTION = 200
"""Rows that are built or taken over in one go, which takes a few ms."""
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
        """When the ledger was begun, by the server's clock."""
        self._link = link
        self._view = view
        self._now = now
        self._lease_s = lease_s
        self._begun = ""
        """The epoch that this process began last."""
        self._replaces = False
        """Whether the ledger that is there has another layout; nothing of it is kept then."""
        self._better: list[str] = []
        """Tokens of which the view has younger rows than those that were there."""
        register = link.client.register_script
        self._fill = register(scripts.text("fill"))
        self._lock = register(scripts.text("lock"))
        self._overwrite = register(scripts.text("held", "overwrite"))
        self._begin = register(scripts.text("held", "begin"))

    async def find(self) -> str:
        """Return the epoch of the ledger that is there; where there is none, begin one.

        Raises:
            OtherLayout: It is that of another version, and not for this process to begin anew.
        """
        client, keys = self._link.client, self._link.keys
        server = str((await client.info("server")).get("run_id", ""))
        while True:
            epoch, of_server, begun_ms, layout = await client.hmget(
                keys.facts, "epoch", "server", "begun_ms", "layout"
            )
            self._replaces = epoch is not None and not is_own(layout)
            if self._replaces:
                await require_own_layout(client, keys, is_old=self._link.epoch is not None)
            elif epoch and (of_server or b"").decode() == server:
                self.begun_ms = int(begun_ms or 0)
                return str(epoch.decode())
            if not (await self._locked(server) and await self._fill_and_begin(server)):
                await anyio.sleep(_AGAIN_S)

    async def take_over(self, epoch: str) -> None:
        """Make the view what the ledger is, unless it was made from the view, or is the same."""
        if epoch not in {self._link.epoch, self._begun}:
            self._better = await self._take_all(epoch)
        self._link.epoch = epoch

    def better(self) -> Iterator[Operation]:
        """Yield what tells a ledger that another process began of rows that we know better."""
        for token in self._better:
            entry = self._view.entries.get(token)
            if entry is not None:
                yield Better(token=token, row=self._view.row(entry, self._now()))

    async def reload(self) -> None:
        """Take over every row of the ledger, and add those that are missing.

        Raises:
            Lost: The ledger is another one now.
        """
        await self._take_all(self._link.epoch or "")

    async def refresh(self, tokens: Sequence[str]) -> None:
        """Take over the rows of some tokens, and add those that are missing."""
        entries = self._view.entries
        known = [token for token in tokens if token in entries]
        # One that was removed is missing for good: its last call has ended.
        await self._add([one for one in known if not entries[one].gone], self._link.epoch or "")
        async for rows in self.rows(known):
            self._adopt(rows)

    async def rows(self, tokens: Iterable[str]) -> AsyncIterator[dict[str, bytes]]:
        """Read some rows, in portions; an empty one: the token is gone.

        Raises:
            Lost: The ledger is another one now, or none: that they are missing there says nothing.
        """
        keys = self._link.keys
        for names in _portions(tokens):
            pipeline = self._link.client.pipeline(transaction=True)
            pipeline.hget(keys.facts, "epoch").hmget(keys.rows, names)
            epoch, rows = await pipeline.execute()
            if (epoch or b"").decode() != self._link.epoch:
                raise self._link.lose(EMPTIED)
            yield {token: row or b"" for token, row in zip(names, rows, strict=True)}

    async def _take_all(self, epoch: str) -> list[str]:
        """Take over every row, and add missing ones; return whose rows are older than ours."""
        client, keys = self._link.client, self._link.keys
        change, sequence = await client.hmget(keys.facts, "change", "sequence")
        missing = set(self._view.entries)
        better: list[str] = []
        cursor = None
        while cursor != 0:
            cursor, found = await client.hscan(keys.rows, cursor or 0, count=_PORTION)
            rows = {name.decode(): packed for name, packed in found.items()}
            missing.difference_update(rows)
            better += self._adopt(rows)
        await self._add(missing, epoch)
        self._view.advance(int(sequence or 0))
        self.position = int(change or 0)
        return better

    def _adopt(self, rows: Mapping[str, bytes]) -> list[str]:
        """Take rows over; return those that are older than ours."""
        at = self._now()
        return [token for token, row in rows.items() if not self._view.adopt(token, row, at)]

    async def _add(self, tokens: Iterable[str], epoch: str) -> None:
        """Write the rows that are not there, as they were stored; at least looks at the epoch."""
        keys = [self._link.keys.facts, self._link.keys.rows]
        for names in _portions(tokens) or [[]]:
            rows = self._rows(names, self._now())
            if not await self._fill(keys=keys, args=[epoch, *_words(rows)]):
                raise self._link.lose(EMPTIED)

    # -- beginning ---------------------------------------------------------------------------

    async def _locked(self, server: str) -> bool:
        """Take the lock, unless another process has it or has begun an epoch just now."""
        keys, args = self._link.keys, [self._link.process, _LOCK_MS, server, LAYOUT]
        return bool(await self._lock(keys=[keys.lock, keys.facts], args=args))

    async def _fill_and_begin(self, server: str) -> bool:
        """Fill the ledger and begin the epoch; False: the lock has lapsed meanwhile.

        What is there is of unknown age: a process that took part before knows all there was, and
        one that did not knows what the database has. Numbers go by the time, as nobody who knows
        how far they were may be left.
        """
        keys = self._link.keys
        change, sequence = (
            int(number or 0)
            for number in await self._link.client.hmget(keys.facts, "change", "sequence")
        )
        change = max(change, self.position, self._now().ms) + _MARGIN
        if not await self._write_all():
            return False
        facts = {
            "epoch": uuid4().hex,
            "server": server,
            "layout": LAYOUT,
            "begun_ms": self._now().ms,
            "sequence": max(sequence, self._view.sequence, self._now().ms) + _MARGIN,
            "change": change,
        }
        words = [word for fact in facts.items() for word in fact]
        if not await self._begin(
            keys=[keys.lock, keys.facts, keys.changes, keys.members],
            args=[self._link.process, _LOCK_MS, *words],
        ):
            return False
        self._begun, self._better, self.position = str(facts["epoch"]), [], change
        return True

    async def _write_all(self) -> bool:
        """Write all rows as this process knows them, with their leases; False: the lock lapsed."""
        keys, is_first = self._link.keys, self._link.epoch is None or self._replaces
        for names in _portions(self._view.entries) or [[]]:
            at = self._now()
            rows = self._rows(names, at)
            leases = [f"{fence}:{token}" for token, row in rows.items() for fence in row.leases]
            expires_ms = at.ms + round(self._lease_s * 1000)
            counted = [int(is_first), expires_ms, len(leases)]
            held = await self._overwrite(
                keys=[keys.lock, keys.rows, keys.leases],
                args=[self._link.process, _LOCK_MS, *counted, *leases, *_words(rows)],
            )
            if not held:
                return False
            is_first = False
        return True

    def _rows(self, names: Iterable[str], at: Moment) -> dict[str, Row]:
        entries = (self._view.entries.get(name) for name in names)
        return {entry.id: self._view.row(entry, at) for entry in entries if entry is not None}


def _words(rows: Mapping[str, Row]) -> list[str | bytes]:
    return [word for token, row in rows.items() for word in (token, pack(row))]


def _portions(names: Iterable[str]) -> list[list[str]]:
    """Split *names*, as they are now, into portions."""
    known = list(names)
    return [known[start : start + _PORTION] for start in range(0, len(known), _PORTION)]
