"""The invariants of `reliability-security.md` 2, checked after every event of a simulation.

- The ledger agrees with the `Books` on every count, and per account on units, status and leases
  (I1 to I5).
- No account is believed to have more than is true, where the truth can be known (P2).
- Health changes only for an account's own observations, from the holder of an open lease, and of
  at most one account per client request for ambiguous ones (I7, P4).
- The queue is fair; nobody waits past the deadline or for nothing, and nobody waits or is refused
  beside a free account (I10).

That the same seed decides the same (I9) shows in the digest of the `Trace`. What is above or below
the scheduler has tests of its own: keys' limits (I6), prices (I8), jobs (I11), the disk (I12).

Accounts that an event touched are looked at after it, all of them every few events.
"""

from collections.abc import Iterable, Iterator, Mapping

from grokgate.errors import GatewayError, Overloaded
from grokgate.scheduler.audit import imbalance, violations
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Lease, Settled, Want
from grokgate.scheduler.simulate.agreement import Agreement
from grokgate.scheduler.simulate.books import Books
from grokgate.scheduler.simulate.clients import Call
from grokgate.scheduler.simulate.health import Health
from grokgate.scheduler.simulate.lineup import Lineup
from grokgate.scheduler.simulate.page import Page
from grokgate.scheduler.simulate.scenery import Scene
from grokgate.scheduler.simulate.shell import Shell, Ticket
from grokgate.scheduler.simulate.trace import Trace
from grokgate.scheduler.simulate.witness import Witness
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import Kind, Observation, Stage, Window

_ALL_EVERY = 25
_NOTHING = Observation(operation="simulate", kind=Kind.CANCELLED, stage=Stage.UNSENT)
_LOWERED = "more in flight than allowed"
"""Says `audit` too when an operator has just lowered the limit; grants are checked one by one."""


class Violation(AssertionError):
    """An invariant does not hold."""


class Checker(Witness):
    """Keeps the books and compares.

    Args:
        scene: What the simulation begins with.
    """

    def __init__(self, scene: Scene) -> None:
        self.trace = Trace()
        self.lineup = Lineup()
        self._rules = scene.rules
        self._accounts = {account.id: account for account in scene.accounts}
        self._assumed = {pool.name: pool.assumed for spec in scene.specs for pool in spec.pools}
        self._until_all = 0
        self._drained_at = 0.0
        """When the ledger last had cause to bring back what was due."""
        self._sent_away: list[Want] = []
        """Those refused before their deadline in this event."""
        self._ending: tuple[Page | None, bool] = (None, False)
        """Account of the lease whose end is being told, and whether it may be penalized."""

    def started(self, shell: Shell, *, unclean: bool) -> None:
        """Begin new books from what is on disk."""
        self.shell = shell
        self.ledger = shell.core.ledger
        self.books = Books(self._assumed, self._rules.max_inflight)
        self.health = Health(self._rules.fail_threshold)
        self.lineup = Lineup()
        self.agreement = Agreement(self.ledger, self.books, self.health, self._accounts)
        self.books.load(shell.store.alive(), self._now, unclean=unclean)

    def granted(self, lease: Lease, want: Want) -> None:
        """Check the grant (I4), and write it down."""
        self._drained_at = self._now.s
        page = self.books.pages.get(lease.token)
        if page is None:
            self._fail([f"{lease.token} was leased, but is not there"])
            return
        self._fail(self.agreement.grant(page, lease, want, self._now))
        self.books.grant(lease.id, lease.token, lease.units)
        self.shell.touch(lease.token)

    def joined(self, ticket: Ticket) -> None:
        """Somebody waits."""
        self._drained_at = self._now.s
        self.lineup.join(ticket)

    def answered(self, ticket: Ticket) -> None:
        """Check that it was somebody's turn (I10)."""
        if not isinstance(ticket.reply, Overloaded):
            self._fail(self.lineup.answer(ticket))
            return
        self.lineup.leave(ticket)
        if self._now.s < ticket.want.deadline:
            self.lineup.turn(ticket.want.key_id)
            self._sent_away.append(ticket.want)

    def left(self, ticket: Ticket) -> None:
        """Somebody waits no more."""
        self.lineup.leave(ticket)

    def refused(self, call: Call, error: GatewayError) -> None:
        """Check that there was no account for somebody who was not let in."""
        self._drained_at = self._now.s
        self.lineup.forget(call)
        self.agreement.catch_up(self._now)
        want = call.want()
        self._fail(
            f"{call.name} was refused beside {page.token}"
            for page in self.books.pages.values()
            if page.unfit(want) is None
        )

    def settling(
        self, lease: Lease, observation: Observation, *, units: int, penalize: bool
    ) -> None:
        """Write the end of a lease down."""
        page = self.books.pages.get(lease.token)
        if observation.stage is not Stage.UNSENT:
            self.books.submitted.add(lease.id)
        was_open = self.books.settle(lease.id, observation, units, self._now)
        self._ending = (page if was_open else None, penalize)

    def settled(self, call: Call, lease: Lease, observation: Observation, result: Settled) -> None:
        """Check what the end of a lease did to the account (I7)."""
        page, penalize = self._ending
        state = self.agreement.state(lease.token, self._now)
        if page is None:
            self._fail(["a lease that had ended led to a penalty"] * result.penalized)
        if page is None or state is None:
            return
        peers = [peer for peer in self.books.pages.values() if peer.pool == page.pool]
        self._fail(
            self.health.settled(
                page,
                state,
                observation,
                result,
                self._now,
                client=call.client,
                penalize=penalize,
                peers=peers,
            )
        )

    def taken_back(self, lease: Lease) -> None:
        """Write the return of an unused lease down."""
        self.books.settle(lease.id, _NOTHING, 0, self._now, refund=True)

    def expired(self, lease: int) -> None:
        """Write the expiry of a lease down."""
        self.books.expire(lease)

    def sent(self, lease: Lease) -> None:
        """Write down that a body is going out."""
        self.books.submitted.add(lease.id)

    def surveying(self, token: str, since: int) -> None:
        """Remember where a survey began."""
        self.books.survey(since)

    def learning(
        self, token: str, windows: Mapping[str, Window], *, since: int, asked: frozenset[str] | None
    ) -> None:
        """Write down what was learned."""
        self.books.learn(token, windows, self._now, since=since, asked=asked)

    def survey_failed(self, token: str, observation: Observation) -> None:
        """Write down that a credential is dead."""
        page = self.books.pages.get(token)
        if page is not None and observation.kind is Kind.AUTH_DEAD:
            self.books.retire(page)

    def editing(self, record: TokenRecord, before: TokenState | None) -> None:
        """Write an operator's edit down."""
        self.books.edit(record, before, self._now)
        self.shell.touch(record.id)

    def note(self, event: str, *fields: object) -> None:
        """Count an event."""
        self.trace.add(self._now.s, event, fields)

    def check(self) -> None:
        """Compare after an event; raises what is wrong.

        Raises:
            Violation: An invariant does not hold.
        """
        self.agreement.catch_up(self._now)
        self._until_all -= 1
        touched: Iterable[str] = self.shell.touched
        if self._until_all < 0:
            self._until_all = _ALL_EVERY
            touched = self.books.pages
            self._fail(text for text in violations(self.ledger) if not text.endswith(_LOWERED))
            if self.books.pages.keys() != self.ledger.entries.keys():
                self._fail(["the ledger knows other accounts than there are"])
        for token in touched:
            self._fail(self.agreement.account(token, self._now, drained_at=self._drained_at))
        self.shell.touched.clear()
        self._fail(self.agreement.counts())
        if len(self.lineup) or self._sent_away:
            self._fail(self._unfair())

    def check_rest(self) -> None:
        """Check that nothing is left over when nothing is going on any more (I5)."""
        self._until_all = 0
        self.check()
        if self.ledger.open or len(self.shell.core.queue) or len(self.lineup):
            self._fail(["leases or waiting requests are left over"])
        if imbalance(self.ledger):
            self._fail(["units were lost"])

    @property
    def _now(self) -> Moment:
        return self.shell.agenda.now

    def _fail(self, wrong: Iterable[str]) -> None:
        found = list(wrong)
        if found:
            raise Violation("; ".join(found))

    def _unfair(self) -> Iterator[str]:
        for want in self._sent_away:
            if any(page.unfit(want) in {None, "busy"} for page in self.books.pages.values()):
                yield f"{want.request_id} was refused before its deadline"
        self._sent_away.clear()
        for ticket in self.lineup.everybody():
            if ticket.want.deadline < self._now.s:
                yield f"{ticket.want.request_id} waits past its deadline"
        for ticket in self.lineup.waiting():
            want, busy = ticket.want, False
            for page in self.books.pages.values():
                wrong = page.unfit(want)
                if wrong is None:
                    yield f"{want.request_id} waits beside {page.token}"
                busy = busy or wrong == "busy"
            if not busy:
                yield f"{want.request_id} waits for nothing"
