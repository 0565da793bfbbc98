"""Who is there: tokens by id, their pools and shelves, who is out of service and until when.

`Ledger` adds leases, quota and health. Pure: time arrives as an argument.
"""

from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush

from grokgate.scheduler.entry import NO_LIMIT, Entry, Pool
from grokgate.scheduler.holding import UNKNOWN, Holding, Moment
from grokgate.scheduler.shelf import (
    ABSENT,
    BUSY,
    COOLING,
    DISABLED,
    EMPTY,
    EXPIRED,
    MAX_RANK,
    Shelf,
)
from grokgate.tokens.record import Bucket, Status, TokenRecord, TokenState
from grokgate.upstream import PoolSpec

_STATUS: Mapping[int, Status] = {COOLING: "cooling", EXPIRED: "expired", DISABLED: "disabled"}
_FEW_TIMES = 1024


class Roster:
    """Tokens, pools and shelves of one home. Not for use from several threads."""

    def __init__(self, *, max_inflight: int) -> None:
        self.entries: dict[str, Entry] = {}
        self.pools: dict[str, Pool] = {}
        self.sequence = 0
        """Grows with every lease that begins or ends."""
        self._limit = max_inflight
        self._due: list[tuple[float, int, str]] = []
        self._due_bound = _FEW_TIMES

    def declare(self, upstream: str, spec: PoolSpec) -> None:
        """Make the pool *spec*; before the first token of it is put in."""
        self.pools[spec.name] = Pool(spec.name, upstream, spec.assumed)

    def put(self, record: TokenRecord, at: Moment) -> Entry:
        """Add a token as it is stored; of one that is there already only revise the record."""
        entry = self.entries.get(record.id)
        if entry is None:
            entry = self.entries[record.id] = Entry(record.id, self._pool(record))
            entry.load(record.state, at)
            self._seat(entry)
        self.revise(entry, record)
        self._plan_all(entry)
        self.restate(entry)
        return entry

    def revise(self, entry: Entry, record: TokenRecord) -> None:
        """Take over what an operator may edit besides the state: pool, tags, limit."""
        if entry.pool.name != record.pool:
            self._unseat(entry)
            entry.pool = self._pool(record)
            self._seat(entry)
        if entry.gone:
            entry.gone = False
            self._bar(entry, 0)
        entry.tags = frozenset(record.tags)
        entry.own_limit = record.max_inflight
        entry.limit = self._limit_of(entry)
        self._place_all(entry)

    def override(self, entry: Entry, before: TokenState, after: TokenState, at: Moment) -> None:
        """Apply what an operator changed in a stored state; what he left alone stays ours."""
        if (after.status, after.cooldown_until_ms) != (before.status, before.cooldown_until_ms):
            self._bar(entry, {"expired": EXPIRED, "disabled": DISABLED}.get(after.status, 0))
            entry.reason = after.state_reason if entry.bar else None
            entry.cool_level = entry.fail_count = entry.faults = 0
        for name, bucket in after.buckets.items():
            if bucket != before.buckets.get(name):
                self._replace(entry, name, bucket, at)
        self._plan_all(entry)
        self.restate(entry)

    def remove(self, token: str) -> None:
        """Stop leasing *token*; its open leases may still end."""
        entry = self.entries.get(token)
        if entry is not None:
            entry.gone = True
            self._bar(entry, DISABLED)
            self.restate(entry)
            self._forget(entry)

    def limit(self, max_inflight: int) -> None:
        """Change how many calls a token may have in flight; 0: no cap."""
        if max_inflight == self._limit:
            return
        self._limit = max_inflight
        for entry in self.entries.values():
            entry.limit = self._limit_of(entry)
            self._place_all(entry)

    def shelf(self, pool: Pool, buckets: tuple[str, ...], tags: frozenset[str]) -> Shelf:
        """Return the shelf for a combination, built when it is first asked for."""
        shelf = pool.shelves.get((buckets, tags))
        if shelf is None:
            shelf = pool.shelves[buckets, tags] = Shelf(buckets, tags)
            for name in buckets:
                pool.shelves_of.setdefault(name, []).append(shelf)
            for member in pool.members:
                if member is not None:
                    shelf.place(member.slot, self.rank(member, shelf))
        return shelf

    def outlook(self, pool: Pool, shelf: Shelf, at: Moment) -> tuple[float | None, bool]:
        """Tell when the first waiting token of *shelf* returns, and whether all returns are known.

        Walks the pool once and keeps the answer until the shelf changes.
        """
        kept = pool.outlooks.get(shelf)
        if kept is not None and kept[0] == shelf.version:
            return kept[1], kept[2]
        earliest: float | None = None
        all_known = True
        for entry in self.waiting(pool, shelf):
            back_at, known = entry.waits(shelf.buckets, at)
            all_known = all_known and known
            if known and (earliest is None or back_at < earliest):
                earliest = back_at
        pool.outlooks[shelf] = (shelf.version, earliest, all_known)
        return earliest, all_known

    def waiting(self, pool: Pool, shelf: Shelf) -> Iterator[Entry]:
        """Yield the tokens of *shelf* that are empty or cool down."""
        for entry in pool.members:
            if entry is not None and shelf.rank(entry.slot) in (EMPTY, COOLING):
                yield entry

    def due_at(self) -> float | None:
        """Return the monotonic second at which `drain` next has something to do."""
        return self._due[0][0] if self._due else None

    def drain(self, at: Moment) -> list[Entry]:
        """Bring back what has cooled down or refilled by now; return the entries that changed."""
        changed: list[Entry] = []
        while self._due and self._due[0][0] <= at.s:
            entry = self.entries.get(heappop(self._due)[2])
            if entry is not None and self._revive(entry, at):
                changed.append(entry)
        return changed

    def rank(self, entry: Entry, shelf: Shelf) -> int:
        """Return what *shelf* should say of *entry*."""
        if shelf.tags and not shelf.tags <= entry.tags:
            return ABSENT
        if entry.bar:
            return entry.bar
        rank = MAX_RANK
        for name in shelf.buckets:
            holding = entry.held.get(name)
            left = entry.pool.fresh_left(name) if holding is None else holding.left()
            if left < rank:  # noqa: PLR1730 - min() takes a third of the time of this method
                rank = left
        if rank <= 0:
            return EMPTY
        return rank if entry.inflight < entry.limit else BUSY

    def restate(self, entry: Entry) -> None:
        """Derive the status of *entry* anew and count it in its pool."""
        status = _STATUS.get(entry.bar, "active")
        if not entry.bar and entry.held and not any(held.left() for held in entry.held.values()):
            status = "cooling"
        if status != entry.status:
            entry.pool.census[entry.status] -= 1
            entry.pool.census[status] += 1
            entry.status = status
        self._place_all(entry)

    def _pool(self, record: TokenRecord) -> Pool:
        pool = self.pools.get(record.pool)
        if pool is None:
            pool = self.pools[record.pool] = Pool(record.pool, record.upstream, {})
        return pool

    def _limit_of(self, entry: Entry) -> int:
        own = entry.own_limit
        return (self._limit if own is None else own) or NO_LIMIT

    def _seat(self, entry: Entry) -> None:
        pool = entry.pool
        if pool.free:
            entry.slot = pool.free.pop()
            pool.members[entry.slot] = entry
        else:
            entry.slot = len(pool.members)
            pool.members.append(entry)
        pool.census[entry.status] += 1
        pool.cooled += entry.bar == COOLING

    def _unseat(self, entry: Entry) -> None:
        pool = entry.pool
        for shelf in pool.shelves.values():
            shelf.place(entry.slot, ABSENT)
        pool.members[entry.slot] = None
        pool.free.append(entry.slot)
        pool.census[entry.status] -= 1
        pool.cooled -= entry.bar == COOLING

    def _forget(self, entry: Entry) -> None:
        if entry.gone and not entry.inflight:
            self._unseat(entry)
            del self.entries[entry.id]

    def _holding(self, entry: Entry, bucket: str) -> Holding:
        holding = entry.held.get(bucket)
        if holding is None:
            holding = entry.held[bucket] = entry.pool.fresh(bucket)
        return holding

    def _replace(self, entry: Entry, name: str, bucket: Bucket, at: Moment) -> None:
        """Set a bucket to an operator's numbers; what is open stays reserved."""
        old = self._holding(entry, name)
        loaded = Holding.load(bucket, entry.pool.assumed.get(name, UNKNOWN), at)
        old.known, old.total, old.window_s = loaded.known, loaded.total, loaded.window_s
        old.base, old.spent = loaded.base + old.open, 0
        old.refill_at, old.blind, old.source = loaded.refill_at, False, loaded.source
        old.synced_at_ms = loaded.synced_at_ms

    def _bar(self, entry: Entry, bar: int) -> None:
        """Put *entry* out of service, or back (0)."""
        entry.pool.cooled += (bar == COOLING) - (entry.bar == COOLING)
        entry.bar = bar
        if bar != COOLING:
            entry.cool_until = None
        if not bar:
            entry.reason = None

    def _revive(self, entry: Entry, at: Moment) -> bool:
        changed = False
        if entry.cool_until is not None and entry.cool_until <= at.s:
            self._bar(entry, 0)
            changed = True
        for name, holding in entry.held.items():
            if holding.refill_at is not None and holding.refill_at <= at.s:
                holding.refill(entry.pool.assumed.get(name, UNKNOWN))
                changed = True
        if changed:
            self.restate(entry)
        return changed

    def _plan(self, when: float, entry: Entry) -> None:
        """Have `drain` look at *entry* at *when*; looking once too often does no harm."""
        heappush(self._due, (when, self.sequence, entry.id))
        if len(self._due) > self._due_bound:
            entries = self.entries.values()
            self._due = [(when, 0, entry.id) for entry in entries for when in _times(entry)]
            heapify(self._due)
            self._due_bound = _FEW_TIMES + 2 * len(self._due)

    def _plan_all(self, entry: Entry) -> None:
        for when in _times(entry):
            self._plan(when, entry)

    def _shift(self, entry: Entry, buckets: Iterable[str], *, turned: bool) -> None:
        """Place *entry* anew after a reservation began or ended.

        Args:
            entry: The token.
            buckets: Those whose units changed.
            turned: It became busy, or is so no longer: that concerns all shelves.
        """
        if turned or entry.status != "active":
            self.restate(entry)
            return
        for name in buckets:
            if not entry.held[name].left():
                self.restate(entry)
                return
            for shelf in entry.pool.shelves_of.get(name, ()):
                shelf.place(entry.slot, self.rank(entry, shelf))

    def _place_all(self, entry: Entry) -> None:
        for shelf in entry.pool.shelves.values():
            shelf.place(entry.slot, self.rank(entry, shelf))


def _times(entry: Entry) -> Iterator[float]:
    if entry.cool_until is not None:
        yield entry.cool_until
    for holding in entry.held.values():
        if holding.refill_at is not None:
            yield holding.refill_at
