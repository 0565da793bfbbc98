"""A home that several processes share: see `scheduler.redis` for how it works."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any, Final
from uuid import uuid4

import anyio
import anyio.lowlevel
from msgspec import structs

from grokgate.errors import GatewayError, Overloaded
from grokgate.scheduler.behind import Writer
from grokgate.scheduler.core import Waiter
from grokgate.scheduler.entry import Grant
from grokgate.scheduler.home import Lease, LeaseEnded, Want
from grokgate.scheduler.redis.changes import Changes
from grokgate.scheduler.redis.client import Link, Lost, gone
from grokgate.scheduler.redis.epochs import Epochs
from grokgate.scheduler.redis.joining import Joining
from grokgate.scheduler.redis.leases import Leases
from grokgate.scheduler.redis.members import Members
from grokgate.scheduler.redis.operations import (
    Answer,
    Batch,
    LeaseName,
    Operation,
    Put,
    Reserve,
    Settle,
)
from grokgate.scheduler.redis.outbox import SIZE, Outbox
from grokgate.scheduler.redis.view import View
from grokgate.scheduler.shelf import DISABLED
from grokgate.scheduler.shell import Edit, HomeSettings, Shell
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import Clock, Secret, UpstreamSpec

_TRIES: Final = 8
"""Tokens that the server may refuse for one request, until it steps back each time."""
_PAUSE_S: Final = 0.02
_EDITS: Final = 100
_LEAVE_S: Final = 1.0
"""Longest time to tell the server what is left to tell at the end."""


class RedisHome(Shell):
    """A `Home` whose ledger lives in Redis or Valkey; used from one event loop.

    `load` it, `open` it, keep `run` running, and `aclose` it in the end.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        installation: Name of the ledger: the same for all processes of an installation only.
        process: Unique among all processes there ever were; None: one is made.
        specs: Loaded upstreams; they declare the pools.
        settings: Returns the settings now.
        clock: Time of this process; times of the ledger are the server's.
        rng: Breaks ties, spreads cool-downs.
        log: A bound structlog logger.
        writer: Makes states durable.
        waited: Told how long a call waited for a token that was merely busy, seconds.
        limit_s: For one command, and for connecting.
        start_s: How long `open` tries.
        lease_s: For how long a lease holds without a heartbeat; there are three in that time.
        reap_s: Between two looks for leases that nobody keeps alive.
        regain_s: For so long a ledger that was begun anew leases nothing because of processes that
            may have died (`joining`).
        backlog_size: How many operations may wait for a server that is gone.
        reachable: Whether what makes states durable answers; nothing is leased while it does not.
    """

    def __init__(
        self,
        *,
        url: Secret,
        installation: str,
        process: str | None = None,
        specs: Collection[UpstreamSpec],
        settings: Callable[[], HomeSettings],
        clock: Clock,
        rng: Random,
        log: Any,
        writer: Writer,
        waited: Callable[[float], None] = lambda _: None,
        limit_s: float = 0.25,
        start_s: float = 3.0,
        lease_s: float = 60.0,
        reap_s: float = 5.0,
        regain_s: float = 2.0,
        backlog_size: int = SIZE,
        reachable: Callable[[], bool] = lambda: True,
    ) -> None:
        self._view = View(max_inflight=settings().token.max_inflight, journal=self._journal)
        super().__init__(
            specs=specs,
            settings=settings,
            clock=clock,
            rng=rng,
            log=log,
            writer=writer,
            waited=waited,
            ledger=self._view,
        )
        self._rng = rng
        self._start_s = start_s
        self._edits: deque[Edit] = deque()
        self._edits_wait = asyncio.Event()
        self._reachable = reachable
        self._link = Link(
            url,
            installation=installation,
            process=process or uuid4().hex,
            clock=clock,
            log=log,
            limit_s=limit_s,
            lease_s=lease_s,
        )
        self.outbox = Outbox(
            self._link, clock=clock, received=self._received, log=log, size=backlog_size
        )
        """What is on its way to the server; ``len`` of it is the backlog."""
        self._epochs = Epochs(self._link, self._view, now=self._now, lease_s=lease_s)
        self._changes = Changes(
            self._link,
            self._epochs,
            adopt=self._adopt,
            awaited=lambda: len(self._core.queue) > 0,
            log=log,
        )
        self._leases = Leases(
            self._view,
            self.outbox,
            up_s=self._link.up_s,
            ended=self._ended,
            now_s=clock.monotonic,
            renew_s=lease_s / 3,
            reap_s=reap_s,
        )
        self._members = Members(self._link, now=self._now, silent_s=regain_s / 2)
        self._joining = Joining(self._epochs, self._members, self.outbox, self._leases)
        self._link.subscribe(self._let_nobody_wait)

    # -- the server --------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether anything can be leased: all answer, and the server's ledger is complete."""
        return self._link.up and self._reachable()

    @property
    def outages(self) -> int:
        """How often the server went, or lost the ledger, since the start."""
        return self._link.failures

    async def open(self) -> None:
        """Take part in the shared ledger, and wait until it is complete; after `load`.

        Raises:
            StartupError: The server does not answer.
            StateError: It is too old, or may throw away what it holds.
        """
        await self._link.open(self._join, within_s=self._start_s)

    def load(self, records: Iterable[TokenRecord], *, unclean: bool = False) -> None:
        """Take over the stored tokens; what the server knows of them is younger, and stays."""
        with self._view.quiet():
            super().load(records, unclean=unclean)

    def stored_as(self, tokens: Iterable[TokenRecord], /) -> None:
        """Note how tokens are stored that are about to be edited.

        Raises:
            StoreUnavailable: The server is gone, and too much waits for it to take the edit, too.
        """
        if not self._link.up and (self._edits or not self.outbox.has_room):
            raise gone()
        super().stored_as(tokens)

    async def edited(self, tokens: Sequence[TokenRecord], /) -> None:
        """Take over edits, as fast as the server does; of a state only what was changed in it.

        Those for which there is no room, as the server has gone meanwhile, wait until it is back.
        """
        self._edits += self._edits_of(tokens)
        self._edits_wait.set()
        await self._carry_out_edits()

    async def noticed(self, tokens: Sequence[TokenRecord], /) -> None:
        """Take over records that another process edited: it has told the ledger itself."""
        with self._view.quiet():
            for record in tokens:
                if record.deleted_at_ms is not None:
                    self._view.remove(record.id)
                else:
                    self._view.put(record, self._now())
                    self._behind.stored[record.id] = record.state
        if self._link.up:
            with suppress(Lost), self._link.guard():
                await self._epochs.refresh([record.id for record in tokens])
            self._news()
        self.enforce(tokens)

    def enforce(self, tokens: Iterable[TokenRecord]) -> None:
        """Have the ledger follow who is switched off: operators decide that, as the records say.

        An edit may have been made while no process, or no server, could be told.
        """
        for record in tokens:
            entry, state = self._view.entries.get(record.id), record.state
            if entry is None or entry.gone:
                continue
            if (state.status == "disabled") != (entry.bar == DISABLED):
                before = structs.replace(state, status=entry.status)
                self._view.override(entry, before, state, self._now(), late=record.revision)

    # -- leases ------------------------------------------------------------------------------

    async def acquire(self, want: Want, /) -> Lease:
        """Lease a token that the server confirms.

        Raises:
            StoreUnavailable: The server is gone.
        """
        refused = 0
        while True:
            lease = await self._lend(want, again=refused > 0)
            confirmed = await self._confirm(lease, want)
            if confirmed is not None:
                return confirmed
            refused += 1
            if refused >= _TRIES:
                await self._step_back(want)

    def sent(self, lease: Lease, /) -> None:
        """Note that the request's body is going out.

        Raises:
            LeaseEnded: This process stood still for so long that others may have ended its leases.
        """
        if not self._leases.is_alive(lease.id):
            self._log.warning("lease_too_old", lease=lease.id, token=lease.token)
            raise LeaseEnded
        super().sent(lease)

    def refusal(self, want: Want, /) -> GatewayError | None:
        """Say why *want* would get no token now; None: it would."""
        return super().refusal(want) if self.ready else gone()

    # -- durability --------------------------------------------------------------------------

    async def run(self) -> None:
        """Exchange news with the server, and write changed states, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._link.run, self._join)
            group.start_soon(self._members.run)
            group.start_soon(self.outbox.run)
            group.start_soon(self._changes.run)
            group.start_soon(self._leases.run)
            group.start_soon(self._follow_time)
            group.start_soon(self._keep_carrying_out)
            await self._behind.run()

    async def aclose(self) -> None:
        """End leases that nobody settled, tell what is left to tell, and leave."""
        self._waiting.close()
        at = self._now()
        for lease in tuple(self._view.open):
            self._core.expire(lease, at)
        with anyio.move_on_after(_LEAVE_S):
            while len(self.outbox) and self._link.up:
                await self.outbox.send()
        await self.flush()
        await self._members.leave()
        await self._link.aclose()

    # -- inside ------------------------------------------------------------------------------

    async def _keep_carrying_out(self) -> None:
        """Carry out edits that had to wait for the server."""
        while True:
            await self._edits_wait.wait()
            await self._link.ready()
            await self._carry_out_edits()

    def _carry_out(self, edits: Collection[Edit]) -> None:
        for record, _ in edits:
            self._view.tell_of(record)
        super()._carry_out(edits)

    async def _carry_out_edits(self) -> None:
        """Carry out edits, oldest first, while there is room; may run in several tasks."""
        while self._edits and await self.outbox.room():
            count = min(_EDITS, len(self._edits))
            self._carry_out([self._edits.popleft() for _ in range(count)])
            await anyio.lowlevel.checkpoint()
        if not self._edits:
            self._edits_wait.clear()

    def _journal(self, operation: Operation) -> None:
        self.outbox.put(operation)

    def _wall_ms(self) -> int:
        return int(self._clock.monotonic() * 1000 + self._link.lead_ms)

    async def _join(self) -> None:
        if self._link.epoch is None:
            self._lead_ms = self._link.lead_ms  # from our clock to the server's is no jump
        await self._joining.join()
        self._news()

    async def _step_back(self, want: Want) -> None:
        """Let other processes have their turn, if *want* may wait."""
        if want.deadline <= self._clock.monotonic():
            raise Overloaded("Too many requests want the same accounts.", retry_after_s=1.0)
        await anyio.sleep(_PAUSE_S * self._rng.random())

    async def _lend(self, want: Want, *, again: bool) -> Lease:
        """Reserve in the view, after a wait if all fitting tokens are busy there."""
        if not self.ready:
            raise gone()
        at = self._now()
        settings = self._settings()
        self._view.limit(settings.token.max_inflight)
        lease = self._core.acquire(want, at)
        if lease is not None:
            return lease
        self._changes.hurry()
        try:
            return await self._waiting.wait(want, at, size=settings.limits.queue_size, again=again)
        finally:
            self._waited(self._clock.monotonic() - at.s)

    async def _confirm(self, lease: Lease, want: Want) -> Lease | None:
        """Have the server make the same reservation; None: it refuses, and the view knows why."""
        grant = self._view.open.get(lease.id)
        if grant is None:
            return None
        wanted = Reserve(
            token=lease.token, buckets=want.buckets, units=want.units, limit=grant.entry.limit
        )
        try:
            answer = await self.outbox.ask(wanted, unwanted=partial(self._give_back, lease.token))
        except BaseException:
            self._core.take_back(lease, self._now())
            raise
        if answer.refused:
            self._view.drop(lease.id)
            return None
        return self._confirmed(lease, answer)

    def _confirmed(self, lease: Lease, answer: Answer) -> Lease | None:
        grant: Grant | None = self._view.confirm(lease.id, answer.fence)
        if grant is None:
            self._give_back(lease.token, answer)
            return None
        return structs.replace(lease, id=grant.id, fence=grant.id, units=grant.parts)

    def _give_back(self, token: str, answer: Answer) -> None:
        """End a lease that the server gave to nobody."""
        if answer.fence:
            self.outbox.put(Settle(token=token, fence=answer.fence, units=0))

    def _received(self, batch: Batch, rows: Mapping[str, bytes]) -> None:
        """Take over what the server says after a batch of ours."""
        self._view.advance(batch.sequence)
        self._view.counts.rejected += sum(answer.rejected for answer in batch.answers)
        self._adopt({token: row for token, row in rows.items() if row or self._gone(token)}, ())

    def _gone(self, token: str) -> bool:
        """Tell whether a token that is not there should not be; else it is put there again."""
        entry = self._view.entries.get(token)
        if entry is None or entry.gone:
            return True
        self.outbox.put(Put(token=token, row=self._view.row(entry, self._now())))
        return False

    def _adopt(self, rows: Mapping[str, bytes], ended: Sequence[int]) -> None:
        at = self._now()
        for fence in ended:
            self._view.drop(fence)
        for token, packed in rows.items():
            self._view.adopt(token, packed, at)
        self._news()

    def _news(self) -> None:
        at = self._now()
        self._core.serve(at)
        self._waiting.arm(at)

    def _ended(self, leases: Sequence[LeaseName]) -> None:
        """See to leases that expired: their tokens may have been used without our knowing."""
        for lease in leases:
            self._view.drop(lease.fence)
            self._behind.touch(lease.token)
            self._log.warning("lease_expired", lease=lease.fence, token=lease.token)
            if lease.sent:
                self._tell_doubt(lease.token)

    def _let_nobody_wait(self) -> None:
        def refuse(waiter: Waiter) -> bool:
            if not waiter.left():
                waiter.answer(gone())
            return True

        self._core.queue.serve(refuse)
