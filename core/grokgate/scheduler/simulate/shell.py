"""One run of the program around `Core`, on virtual time: what a home is, without an event loop.

It tells the time, lets requests wait, sets the timer for what comes back by itself, and writes
changed states behind the calls that changed them. What it holds dies with its `Life`; what it has
written stays in the `Store`.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from grokgate.errors import GatewayError
from grokgate.scheduler.core import Core, Waiter
from grokgate.scheduler.home import Lease, Want
from grokgate.scheduler.queue import Place
from grokgate.scheduler.simulate.agenda import Agenda, Life
from grokgate.scheduler.simulate.faults import FaultPoints
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import UpstreamSpec

_WRITE_S = 0.25
_LANDING_S = 0.005
_BACKOFF_S = 2.0
_LATE_S = 20.0


class Rules(Struct, frozen=True, kw_only=True):
    """Settings of a run."""

    max_inflight: int = 0
    fail_threshold: int = 5
    queue_size: int = 256
    queue_wait_s: float = 10.0


class Silence:
    """A logger that nobody reads."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return self._drop

    def _drop(self, event: str, **fields: Any) -> None:
        pass


class Ticket(Waiter):
    """A request in the queue.

    Args:
        want: What it waits for.
        since: Monotonic seconds.
        request: Whose it is.
        answered: Told once it has its reply.
    """

    def __init__(
        self, want: Want, since: float, request: Any, answered: Callable[["Ticket"], None]
    ) -> None:
        super().__init__(want, since)
        self.request = request
        self.gone = False
        self.lingers = False
        """It has left, but its place is given up later."""
        self.reply: Lease | GatewayError | None = None
        self.place: Place[Waiter] | None = None
        self._answered = answered

    def left(self) -> bool:
        """Tell whether the client has left, or has its reply."""
        return self.gone or self.reply is not None

    def answer(self, reply: Lease | GatewayError) -> None:
        """Keep the reply until the request wakes up."""
        self.reply = reply
        self._answered(self)


class Store:
    """What is on disk: records, and states as they were last written."""

    def __init__(self, records: Iterable[TokenRecord]) -> None:
        self.records = {record.id: record for record in records}

    def alive(self) -> list[TokenRecord]:
        """Return the records that are not deleted."""
        return [record for record in self.records.values() if record.deleted_at_ms is None]

    def write(self, states: Mapping[str, TokenState]) -> None:
        """Write states; only operators disable and enable."""
        for token, state in states.items():
            record = self.records[token]
            ours, kept = record.state, state
            if "disabled" in {state.status, ours.status}:
                kept = replace(state, status=ours.status, state_reason=ours.state_reason)
            self.records[token] = replace(record, state=kept)


class Shell:
    """The program from its start to its end.

    Args:
        agenda: Time.
        store: Outlives it.
        specs: Loaded upstreams.
        rules: Settings.
        rng: Random source of the core.
        faults: What goes wrong.
        doubted: Told of tokens that should be surveyed soon.
        answered: Told of every request in the queue that has its reply, in the order of replies.
        make_core: What to drive.
    """

    def __init__(
        self,
        *,
        agenda: Agenda,
        store: Store,
        specs: Iterable[UpstreamSpec],
        rules: Rules,
        rng: Random,
        faults: FaultPoints,
        doubted: Callable[[str], None],
        answered: Callable[[Ticket], None],
        make_core: Callable[..., Core] = Core,
    ) -> None:
        self.life = Life()
        self.dirty: dict[str, None] = {}
        """Tokens whose state on disk is out of date, in the order in which they became so."""
        self.touched: dict[str, None] = {}
        """Tokens that changed since somebody last emptied this, in that order."""
        self.agenda = agenda
        self.store = store
        self._rules = rules
        self._faults = faults
        self._answered = answered
        self._stored: dict[str, TokenState] = {}
        self._writing = False
        self._landing: Mapping[str, TokenState] = {}
        """States on their way to the disk."""
        self._armed_for = math.inf
        self.core = make_core(
            specs=specs,
            max_inflight=rules.max_inflight,
            rng=rng,
            log=Silence(),
            changed=self._changed,
            doubted=doubted,
        )

    def start(self, *, unclean: bool) -> None:
        """Load what is on disk."""
        records = self.store.alive()
        self._stored = {record.id: record.state for record in records}
        self.core.load(records, self.agenda.now, unclean=unclean)

    def stop(self, expiring: Callable[[int], None]) -> None:
        """End properly: leases nobody settled expire, and all states are written.

        Args:
            expiring: Told of each such lease.
        """
        for lease in tuple(self.core.ledger.open):
            expiring(lease)
            self.core.expire(lease, self.agenda.now)
        self.store.write({**self._landing, **self._batch()})
        self.life.over = True

    def unwritten(self) -> set[str]:
        """Return the tokens whose states would be lost now."""
        return {*self.dirty, *self._landing}

    def edited(
        self, record: TokenRecord, telling: Callable[[TokenRecord, TokenState | None], None]
    ) -> None:
        """Take over an operator's edit that is on disk already.

        Args:
            record: As it is on disk.
            telling: Told of it, and of the state before, just before the core is.
        """
        before = self._stored.pop(record.id, None)
        telling(record, before)
        self.core.edited(record, before, self.agenda.now)
        if record.deleted_at_ms is None:
            self._stored[record.id] = record.state
        self.core.serve(self.agenda.now)
        self.arm()

    def acquire(
        self, want: Want, request: Any, joining: Callable[[Ticket], None]
    ) -> Lease | Ticket:
        """Lease a token, or wait in turn.

        Args:
            want: What is wanted.
            request: Whose ticket it is to be.
            joining: Told of the ticket before it stands in the queue.

        Raises:
            GatewayError: There is none, and nothing to wait for.
        """
        now = self.agenda.now
        lease = self.core.acquire(want, now)
        if lease is not None:
            return lease
        ticket = Ticket(want, now.s, request, self._answered)
        joining(ticket)
        ticket.place = self.core.join(ticket, now, size=self._rules.queue_size)
        self.agenda.after(want.deadline - now.s, self.overdue, ticket, life=self.life)
        self.arm()
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give up the place of a request that waits no more."""
        if ticket.place is not None:
            self.core.queue.leave(ticket.place)

    def arm(self) -> None:
        """Set the timer for the next token that cools down or refills."""
        due_at = self.core.ledger.due_at()
        if due_at is None or not len(self.core.queue) or due_at >= self._armed_for:
            return
        self._armed_for = due_at
        delay_s = due_at - self.agenda.now.s
        if self._faults.hit("timer.late"):
            delay_s += 3.0
        if self._faults.hit("timer.lost"):
            delay_s += 30.0
        self.agenda.after(delay_s, self._on_due, due_at, life=self.life)

    def _on_due(self, armed_for: float) -> None:
        if armed_for == self._armed_for:
            self._armed_for = math.inf
            self.core.serve(self.agenda.now)
            self.arm()

    def overdue(self, ticket: Ticket) -> None:
        """Refuse a request whose deadline has passed; one that has its reply keeps it."""
        if ticket.place is not None:
            self.core.overdue(ticket.place, self.agenda.now)

    def touch(self, token: str) -> None:
        """Note that a token is worth a look."""
        self.touched[token] = None

    def _changed(self, token: str) -> None:
        self.touch(token)
        self.dirty[token] = None
        if not self._writing:
            self._writing = True
            self.agenda.after(_WRITE_S, self._write, life=self.life)

    def _batch(self) -> dict[str, TokenState]:
        """Read the states of all tokens that changed."""
        entries, now = self.core.ledger.entries, self.agenda.now
        return {token: entries[token].state(now) for token in self.dirty if token in entries}

    def _write(self) -> None:
        if self._faults.hit("store.write_fails"):
            self.agenda.after(_BACKOFF_S, self._write, life=self.life)
            return
        self._landing = self._batch()
        self.dirty.clear()
        late = self._faults.hit("store.write_late")
        self.agenda.after(_LATE_S if late else _LANDING_S, self._landed, life=self.life)

    def _landed(self) -> None:
        batch, self._landing = self._landing, {}
        self.store.write(batch)
        for token, state in batch.items():
            if token in self._stored:
                self._stored[token] = state
        self._writing = False
        for token in tuple(self.dirty)[:1]:
            self._changed(token)
