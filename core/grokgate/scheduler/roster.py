"""Who is there: tokens by id, their pools and shelves, who is out of service and until when.

`Ledger` adds leases, quota and health. Pure: time arrives as an argument.
"""

from collections import deque
from collections.abc import Iterator, Mapping

from grokgate.scheduler.entry import BARS, Entry, Pool, ShelfKey
from grokgate.scheduler.holding import Holding, Moment
from grokgate.scheduler.shelf import (
    ABSENT,
    BUSY,
    CLOSED,
    COOLING,
    DISABLED,
    EMPTY,
    EXPIRED,
    MAX_RANK,
    WAITING,
    Shelf,
)
from grokgate.scheduler.strategy import LATELY_S, LIVELY, new_shelf, rank
from grokgate.scheduler.timetable import Timetable
from grokgate.tokens.pools import AUTO
from grokgate.tokens.record import Status, TokenRecord, TokenState
from grokgate.upstream import PoolSpec

_STATUS: Mapping[int, Status] = {COOLING: "cooling", EXPIRED: "expired", DISABLED: "disabled"}
_AT_ONCE = 1000
"""Tokens that are placed or brought back in one go, which takes some 10 ms."""
_NO_LIMIT = 1 << 30


class Roster:
    """Tokens, pools and shelves of one home. Not for use from several threads."""

    def __init__(self, *, max_inflight: int) -> None:
        self.entries: dict[str, Entry] = {}
        self.pools: dict[str, Pool] = {}
        self.sequence = 0
        """Grows with every lease that begins or ends."""
        self._default: dict[str, Pool] = {}
        """By upstream: the pool of tokens that have none yet."""
        self._limit = max_inflight
        self._times = Timetable(self.entries)
        self._tag_sets: dict[tuple[str, ...], frozenset[str]] = {}
        self._used: deque[tuple[float, Entry]] = deque()
        """Uses that the ranking ``score`` has not forgotten, oldest first."""
        self._scored = False

    def declare(self, upstream: str, spec: PoolSpec) -> None:
        """Make the pool *spec*; before the first token of it is put in."""
        pool = self.pools[spec.name] = Pool(spec.name, upstream, spec.assumed)
        self._default.setdefault(upstream, pool)

    def put(self, record: TokenRecord, at: Moment) -> Entry:
        """Add a token as it is stored; of one that is there already only revise the record."""
        entry = self.entries.get(record.id)
        if entry is None:
            return self._admit(record, at)
        self.revise(entry, record)
        self._times.plan(entry)
        self.restate(entry)
        return entry

    def revise(self, entry: Entry, record: TokenRecord) -> None:
        """Take over what an operator may edit besides the state: pool, tags, limit."""
        pool = self._pool(record)
        if entry.pool is not pool:
            self._unseat(entry)
            entry.pool = pool
            self._seat(entry)
        if entry.gone:
            entry.gone = False
            self._bar_as(entry, record.state)
        self._take_over(entry, record)
        self._place_all(entry)

    def override(self, entry: Entry, before: TokenState, after: TokenState, at: Moment) -> None:
        """Apply what an operator changed in a stored state; what he left alone stays ours."""
        if (after.status, after.cooldown_until_ms) != (before.status, before.cooldown_until_ms):
            self._bar_as(entry, after)
            entry.cool_level = entry.fail_count = entry.faults = 0
        for name, bucket in after.buckets.items():
            if bucket != before.buckets.get(name):
                entry.holding(name).replace(Holding.load(bucket, entry.assumed(name), at))
        self._times.plan(entry)
        self.restate(entry, at, "operator")

    def remove(self, token: str) -> None:
        """Stop leasing *token*; its open leases may still end."""
        entry = self.entries.get(token)
        if entry is not None:
            entry.gone = True
            self._bar(entry, DISABLED)
            self.restate(entry)
            self._forget(entry)

    def limit(self, max_inflight: int) -> None:
        """Change how many calls a token may have in flight; 0: no cap.

        Takes some 10 ms for 100 000 tokens: only those with calls in flight have another rank then.
        """
        if max_inflight == self._limit:
            return
        self._limit = max_inflight
        for entry in self.entries.values():
            entry.limit = self._limit_of(entry)
            if entry.inflight:
                self._place_all(entry)

    def shelf(
        self, pool: Pool, buckets: tuple[str, ...], tags: frozenset[str], order: str = "max_quota"
    ) -> Shelf:
        """Return the shelf for a combination, built when it is first asked for.

        Args:
            pool: Whose tokens stand on it.
            buckets: What a call draws from.
            tags: Those a token must have.
            order: By `strategy.ranking`.
        """
        key = buckets, tags, order
        shelf = pool.filled.get(key)
        if shelf is None:
            shelf = self._begun(pool, key)
            while key not in pool.filled:
                self._fill(pool, shelf)
        return shelf

    def prepare(
        self, pool: Pool, buckets: tuple[str, ...], tags: frozenset[str], order: str
    ) -> Iterator[None]:
        """Build what `shelf` returns in steps of some 10 ms, with anything else between them."""
        key = buckets, tags, order
        while key not in pool.filled:
            self._fill(pool, self._begun(pool, key))
            yield

    def outlook(self, shelf: Shelf, at: Moment) -> tuple[float | None, bool]:
        """Tell when the first waiting token of *shelf* returns, and whether all returns are known.

        The shelf is one that is ranked by quota.
        """
        returns = shelf.returns
        assert returns is not None
        earliest = returns.earliest()
        return None if earliest is None else max(at.s, earliest), not returns.unknown

    def adrift(self, pool: Pool, shelf: Shelf) -> Iterator[Entry]:
        """Yield the waiting tokens of *shelf* of which nobody knows when they return."""
        assert shelf.returns is not None
        for slot in shelf.returns.unknown:
            entry = pool.members[slot]
            if entry is not None:
                yield entry

    def due_at(self) -> float | None:
        """Return the monotonic second at which `drain` next has something to do."""
        return self._times.first()

    def drain(self, at: Moment) -> list[Entry]:
        """Bring back what has cooled down or refilled by now; return the entries that changed.

        At most a thousand: what is left comes with the next call. An empty list: nothing is left.
        """
        changed: list[Entry] = []
        for entry in self._times.due(at.s):
            if self._revive(entry, at):
                changed.append(entry)
            self._times.plan(entry)
            if len(changed) == _AT_ONCE:
                break
        return changed

    def rest(self, at: Moment) -> None:
        """Forget uses that are too long ago to count in the ranking ``score``."""
        used = self._used
        while used and at.s - used[0][0] >= LATELY_S:
            when, entry = used.popleft()
            if entry.used_at == when:
                entry.used_at = None
                self._place_lively(entry)

    def rank(self, entry: Entry, shelf: Shelf) -> int:
        """Return what *shelf* should say of *entry*."""
        if shelf.tags and not shelf.tags <= entry.tags:
            return ABSENT
        if entry.bar:
            return entry.bar
        least = MAX_RANK
        for name in shelf.buckets:
            left = entry.left(name)
            if left < least:  # noqa: PLR1730 - min() takes a third of the time of this method
                least = left
        if least <= 0:
            return CLOSED if entry.closed(shelf.buckets) else EMPTY
        if entry.inflight >= entry.limit:
            return BUSY
        return (
            least
            if shelf.ranking == "max_quota"
            else rank(shelf.ranking, entry, shelf.buckets, least)
        )

    def status(self, entry: Entry) -> Status:
        """Return what the status of *entry* should be."""
        if entry.bar:
            return _STATUS[entry.bar]
        return "cooling" if entry.exhausted() else "active"

    def restate(self, entry: Entry, at: Moment | None = None, evidence: str = "calls") -> None:
        """Derive the status of *entry* anew and count it in its pool.

        Args:
            entry: Whose bar, buckets or calls changed.
            at: Now; None: it is being taken over as it was stored.
            evidence: What made it change, in case its status does.
        """
        status = self.status(entry)
        if status != entry.status:
            if at is not None:
                entry.since_ms, entry.evidence = at.ms, evidence
            entry.pool.census[entry.status] -= 1
            entry.pool.census[status] += 1
            entry.status = status
        self._place_all(entry)

    def _pool(self, record: TokenRecord) -> Pool:
        """Return the pool of a token; one that its upstream does not have is made, never routed."""
        name = record.pool
        pool = self._default.get(record.upstream) if name == AUTO else self.pools.get(name)
        if pool is not None and pool.upstream != record.upstream:
            name = f"{record.upstream}/{name}"
            pool = self.pools.get(name)
        if pool is None:
            pool = self.pools[name] = Pool(name, record.upstream, {})
        return pool

    def _limit_of(self, entry: Entry) -> int:
        own = entry.own_limit
        return (self._limit if own is None else own) or _NO_LIMIT

    def _admit(self, record: TokenRecord, at: Moment) -> Entry:
        """Add a token that was not there."""
        entry = self.entries[record.id] = Entry.load(record.state, self._pool(record), at)
        self._take_over(entry, record)
        entry.status = self.status(entry)
        self._seat(entry)
        self._times.plan(entry)
        if entry.pool.shelves:
            self._place_all(entry)
        return entry

    def _take_over(self, entry: Entry, record: TokenRecord) -> None:
        tags = self._tag_sets.get(record.tags)
        if tags is None:
            tags = self._tag_sets[record.tags] = frozenset(record.tags)
        entry.tags = tags
        entry.own_limit = record.max_inflight
        entry.limit = self._limit_of(entry)

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
            # What its last call still leads to must not reach whoever takes its slot.
            entry.pool = Pool(entry.pool.name, entry.pool.upstream, {})

    def _bar(self, entry: Entry, bar: int) -> None:
        """Put *entry* out of service, or back (0)."""
        entry.pool.cooled += (bar == COOLING) - (entry.bar == COOLING)
        entry.bar = bar
        if bar != COOLING:
            entry.cool_until = None
        if not bar:
            entry.reason = None

    def _bar_as(self, entry: Entry, state: TokenState) -> None:
        """Put *entry* out of service as an operator's *state* says, or back."""
        self._bar(entry, BARS.get(state.status, 0))
        entry.reason = state.state_reason if entry.bar else None

    def _revive(self, entry: Entry, at: Moment) -> bool:
        changed = False
        if entry.cool_until is not None and entry.cool_until <= at.s:
            self._bar(entry, 0)
            changed = True
        for name in entry.due(at):
            entry.holding(name).refill(entry.assumed(name))
            changed = True
        if changed:
            self.restate(entry, at, "time")
        return changed

    def _begun(self, pool: Pool, key: ShelfKey) -> Shelf:
        """Return a shelf that is kept up to date from now on, filled or not."""
        shelf = pool.shelves.get(key)
        if shelf is not None:
            return shelf
        shelf = pool.shelves[key] = new_shelf(*key)
        shelf.grow(len(pool.members))
        if shelf.ranking in LIVELY:
            pool.lively.append(shelf)
        else:
            for name in shelf.buckets:
                pool.shelves_of.setdefault(name, []).append(shelf)
        if shelf.ranking == "score" and not self._scored:
            self._scored = True
            uses = ((one.used_at, one) for one in self.entries.values())
            self._used.extend(
                sorted(((when, one) for when, one in uses if when is not None), key=_when)
            )
        return shelf

    def _fill(self, pool: Pool, shelf: Shelf) -> None:
        """Place the next members on *shelf*; those that change are placed anyway."""
        end = shelf.filled + _AT_ONCE
        for entry in pool.members[shelf.filled : end]:
            if entry is not None:
                self._place(entry, shelf)
        shelf.filled = end
        if shelf.filled >= len(pool.members):
            pool.filled[shelf.buckets, shelf.tags, shelf.ranking] = shelf

    def _place_all(self, entry: Entry) -> None:
        for shelf in entry.pool.shelves.values():
            self._place(entry, shelf)

    def _place_lively(self, entry: Entry) -> None:
        for shelf in entry.pool.lively:
            self._place(entry, shelf)

    def _place(self, entry: Entry, shelf: Shelf) -> None:
        rank = self.rank(entry, shelf)
        shelf.place(entry.slot, rank)
        if rank in WAITING and shelf.returns is not None:
            shelf.returns.note(entry.slot, entry.returns_at(shelf.buckets))


def _when(use: tuple[float, Entry]) -> float:
    return use[0]
