"""What becomes of calls: leased, waiting, refused, tried elsewhere, cut off.

It stands where `grokgate.dispatch` stands in the program, and does on virtual time what that does.
"""

from grokgate.errors import GatewayError, NoTokenAvailable
from grokgate.scheduler.home import Lease
from grokgate.scheduler.outlook import unsure
from grokgate.scheduler.simulate.clients import Call, Ending, Retries, Script
from grokgate.scheduler.simulate.faults import chance
from grokgate.scheduler.simulate.ground import Ground
from grokgate.scheduler.simulate.shell import Ticket
from grokgate.scheduler.simulate.surveys import Surveys
from grokgate.upstream import Kind, Observation, Stage

_LEASE_TTL_S = 60.0
"""Age at which a lease that nobody settles is ended."""
_ON_DEMAND_S = 3.0
_ON_DEMAND_TOKENS = 3


class Traffic:
    """The calls that are going on.

    Args:
        ground: Where.
        script: Decides how attempts go.
        retries: The rules by which calls are tried again.
        surveys: Asked for on demand.
    """

    def __init__(
        self, ground: Ground, *, script: Script, retries: Retries, surveys: Surveys
    ) -> None:
        self.calls: dict[str, Call] = {}
        """Those that are not over."""
        self._budget = retries.budget()
        self._ground = ground
        self._script = script
        self._retries = retries
        self._surveys = surveys

    def reset(self) -> None:
        """Count retries anew: the program has started."""
        self._budget = self._retries.budget()

    def leave_queue(self) -> None:
        """Let all clients that wait leave: the program stops properly."""
        for call in tuple(self.calls.values()):
            if call.ticket is not None:
                self._leave(call.ticket)

    def cut(self) -> None:
        """End all calls for their clients: the program is gone."""
        for call in tuple(self.calls.values()):
            self._take(call)
            self._finish(call)
            self._over(call, "cut")

    def arrive(self, call: Call) -> None:
        """Let a call come in."""
        self.calls[call.name] = call
        self._budget.live += 1
        patience_s = self._script.patience_s(call)
        if patience_s is not None:
            self._ground.later(patience_s, self.cancel, call)
        self._lease(call)

    def cancel(self, call: Call) -> None:
        """Let the client of a call leave."""
        if call.over:
            return
        self._ground.witness.note("cancel", call.name)
        if call.lease is not None:
            stage = Stage.SENT if call.sent else Stage.UNSENT
            if call.sent and chance(self._ground.rng, 0.5):
                stage = Stage.CONTENT
            gone = Observation(operation="simulate", kind=Kind.CANCELLED, stage=stage)
            self._settle(call, gone, units=call.shape.units)
        elif call.ticket is not None:
            self._leave(call.ticket)
        self._over(call, "cancelled")

    def _leave(self, ticket: Ticket) -> None:
        if isinstance(ticket.reply, Lease):
            self._take_back(ticket.reply)
            return
        ticket.gone = True
        ticket.lingers = self._ground.faults.hit("cancel.lingers")
        self._ground.witness.left(ticket)
        if ticket.lingers:
            self._ground.later(0.5, self._ground.shell.leave, ticket)
        else:
            self._ground.shell.leave(ticket)

    def _take_back(self, lease: Lease) -> None:
        self._ground.witness.taken_back(lease)
        self._ground.shell.core.take_back(lease, self._ground.agenda.now)
        self._ground.shell.arm()

    def _lease(self, call: Call) -> None:
        call.deadline = self._ground.agenda.now.s + call.wait_s
        want = call.want()
        try:
            got = self._ground.shell.acquire(want, call, self._ground.witness.joined)
        except GatewayError as error:
            self._ground.witness.refused(call, error)
            self._refused(call, error)
            return
        if isinstance(got, Ticket):
            call.ticket = got
            self._ground.witness.note("wait", call.name)
        else:
            self._ground.witness.granted(got, want)
            self._attempt(call, got)

    def answered(self, ticket: Ticket) -> None:
        """Plan the wake-up of a call that has its reply; its client may leave before it."""
        self._ground.witness.answered(ticket)
        if isinstance(ticket.reply, Lease):
            self._ground.witness.granted(ticket.reply, ticket.want)
            if self._ground.faults.hit("deadline.on_grant"):
                self._ground.later(0, self._ground.shell.overdue, ticket)
            if self._ground.faults.hit("cancel.on_grant"):
                self._ground.later(0, self.cancel, ticket.request)
        self._ground.later(0, self._wake, ticket)

    def _wake(self, ticket: Ticket) -> None:
        call: Call = ticket.request
        if call.over or call.ticket is not ticket:
            return
        self._ground.witness.note("wake", call.name)
        call.ticket = None
        if isinstance(ticket.reply, Lease):
            self._attempt(call, ticket.reply)
        elif ticket.reply is not None:
            self._refused(call, ticket.reply)

    def _refused(self, call: Call, error: GatewayError) -> None:
        """End a call that was refused, unless a survey may help (F-TOK-42)."""
        code = str(error.code)
        self._ground.witness.note("refused", call.name, code)
        unknown = isinstance(error, NoTokenAvailable) and not error.resets_known
        if unknown and not call.tried and not call.surveyed:
            call.surveyed = True
            found = unsure(self._ground.shell.core.ledger, call.want(), most=_ON_DEMAND_TOKENS)
            for entry in found:
                self._surveys.begin(entry.id)
            self._ground.later(_ON_DEMAND_S, self._again, call)
            return
        self._over(call, code)

    def _again(self, call: Call) -> None:
        if not call.over:
            self._lease(call)

    def _attempt(self, call: Call, lease: Lease) -> None:
        now = self._ground.agenda.now
        call.lease, call.sent = lease, False
        call.attempts += 1
        account = self._ground.accounts[lease.token]
        ending = self._script.ending(call, lease, account, now.s)
        stage = ending.observation.stage
        if stage in {Stage.SENT, Stage.CONTENT} or chance(self._ground.rng, 0.5):
            sent_s = ending.duration_s * self._ground.rng.random()
            self._ground.later(sent_s, self._send, call, lease, ending)
        self._ground.witness.note("attempt", call.name, lease.token, lease.id)
        end = self._lost if self._ground.faults.hit("settle.never") else self._end
        self._ground.later(ending.duration_s, end, call, lease, ending)

    def _send(self, call: Call, lease: Lease, ending: Ending) -> None:
        if call.lease is not lease:
            return
        call.sent = True
        if ending.taken:
            call.due = {name: min(ending.units, units) for name, units in lease.units.items()}
            self._ground.agenda.after(
                ending.duration_s * self._ground.rng.random() / 2, self._take, call
            )
        for _ in range(1 + self._ground.faults.hit("sent.twice")):
            self._ground.witness.sent(lease)
            self._ground.shell.core.sent(lease.id)
        if ending.taken and self._ground.faults.hit("passing.facts"):
            self._tell_in_passing(call, lease)
        self._ground.witness.note("sent", call.name, lease.id)

    def _tell_in_passing(self, call: Call, lease: Lease) -> None:
        """Send numbers along with an answer; they count the call itself as used."""
        self._take(call)
        account = self._ground.accounts[lease.token]
        # Now the program holds the whole reservation to be used, whatever the call costs.
        account.early.update(lease.units)
        account.early.subtract(call.taken)
        call.taken = lease.units
        windows = account.windows(self._ground.agenda.now.s, lease.units)
        self._surveys.learn(lease.token, windows, since=lease.fence, asked=None)

    def _take(self, call: Call) -> None:
        """Let the upstream charge an attempt, when it likes but no later than at its end."""
        if call.due and call.lease is not None:
            account = self._ground.accounts[call.lease.token]
            call.taken = account.take(call.due, self._ground.agenda.now.s)
        call.due = {}

    def _finish(self, call: Call) -> None:
        if call.lease is not None and call.taken:
            self._ground.accounts[call.lease.token].early.subtract(call.taken)
        call.taken = {}

    def _lost(self, call: Call, lease: Lease, ending: Ending) -> None:
        """Forget to tell the end of an attempt: its lease expires, and then it is told."""
        if call.lease is lease:
            self._ground.later(_LEASE_TTL_S, self._expire, lease)
            self._ground.later(_LEASE_TTL_S + 1, self._end, call, lease, ending)

    def _expire(self, lease: Lease) -> None:
        self._ground.witness.note("expire", lease.id)
        self._ground.witness.expired(lease.id)
        self._ground.shell.core.expire(lease.id, self._ground.agenda.now)
        self._ground.shell.arm()

    def _end(self, call: Call, lease: Lease, ending: Ending) -> None:
        if call.lease is not lease:
            return
        observation = ending.observation
        self._ground.witness.note("end", call.name, lease.id, observation.kind, observation.stage)
        if not ending.honest:
            self._ground.accounts[lease.token].vouched.clear()
        self._settle(call, observation, units=ending.units)
        call.tried |= {lease.token}
        if self._may_retry(call, observation):
            self._retry(call, observation)
        else:
            self._over(call, str(observation.kind))

    def _settle(self, call: Call, observation: Observation, *, units: int) -> None:
        lease = call.lease
        assert lease is not None
        self._take(call)
        self._finish(call)
        call.lease = None
        for _ in range(1 + self._ground.faults.hit("settle.twice")):
            penalize = not call.client.penalized
            self._ground.witness.settling(lease, observation, units=units, penalize=penalize)
            result = self._ground.shell.core.settle(
                lease.id,
                observation,
                self._ground.agenda.now,
                units=units,
                penalize=penalize,
                fail_threshold=self._ground.scene.rules.fail_threshold,
            )
            self._ground.witness.settled(call, lease, observation, result)
            call.client.penalized = call.client.penalized or result.penalized
            call.incident = result.incident
        self._ground.shell.arm()
        if call.retrying:
            call.retrying = False
            self._budget.done()

    def _may_retry(self, call: Call, observation: Observation) -> bool:
        return (
            call.only is None
            and not call.incident
            and call.client.may_retry(
                observation,
                repeatable=call.shape.repeatable,
                codes=self._retries.codes,
                most=self._retries.most,
            )
            and self._budget.take(self._ground.agenda.now.s)
        )

    def _retry(self, call: Call, observation: Observation) -> None:
        call.retrying = True
        call.client.retried(observation)
        pause_s = 0.0
        if observation.kind is not Kind.QUOTA:
            pause_s = self._retries.pause_s(self._ground.rng, call.client.retries)
        self._ground.later(pause_s, self._again, call)

    def _over(self, call: Call, outcome: str) -> None:
        call.over = True
        self.calls.pop(call.name, None)
        self._budget.live -= 1
        if call.retrying:
            call.retrying = False
            self._budget.done()
        self._ground.witness.ended(call, outcome)
