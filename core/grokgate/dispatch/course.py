"""The account of one call, kept from its opening to its end, and told to observers once."""

from collections.abc import Sequence
from typing import Literal

from msgspec import structs

from grokgate.dispatch.bill import Bill, quotas_of, wanted_of
from grokgate.dispatch.deadline import Deadline
from grokgate.dispatch.desk import Desk
from grokgate.dispatch.request import ClientRequest
from grokgate.dispatch.trial import Failure, Trial
from grokgate.errors import GatewayError
from grokgate.plugin.records import AttemptRecord, Call, CallRecord
from grokgate.scheduler.cost import Price
from grokgate.scheduler.verdict import CHARGED
from grokgate.upstream import Asset, Kind, Observation, Stage


class Course:
    """What one call has done so far.

    Args:
        desk: Shared parts.
        plugin: Who made the call.
        call: The call.
        request: The client request it belongs to.
        together: The calls that are opened at once, *call* among them.
    """

    def __init__(
        self,
        desk: Desk,
        plugin: str,
        call: Call,
        request: ClientRequest,
        *,
        together: Sequence[Call],
    ) -> None:
        self.desk = desk
        self.plugin = plugin
        self.call = call
        self.request = request
        self.began_at = desk.clock.monotonic()
        self.deadline = Deadline(call.timeout_s)
        self.attempts = 0
        self._tries: list[AttemptRecord] = []
        self._error: str | None = None
        self._first_event_s: float | None = None
        self._trial: Trial | None = None
        self._observation: Observation | None = None
        self._units = 0
        """Of all attempts."""
        self._over = False
        self._together = together
        self._bill: Bill | None = None
        self._wanted = 0
        desk.budget.live += 1

    async def charge(self) -> None:
        """Take what the client request wants from the daily quotas of its key, once.

        Raises:
            DailyQuotaExceeded: There is not so much left.
        """
        caller, meter = self.call.caller, self.desk.meter
        if meter is not None and caller.metered:
            bill = self.request.bill(meter, caller, quotas_of(self.call))
            self._wanted = wanted_of(self._together)
            await bill.charge(self._wanted)
            self._bill = bill

    def tries(self, trial: Trial) -> None:
        """Count an attempt."""
        self.attempts += 1
        self._trial = trial

    def answers(self) -> None:
        """Note the time of the first output."""
        self._first_event_s = self.desk.clock.monotonic() - self.began_at

    def fail(self, trial: Trial, error: BaseException, *, timed_out: bool) -> Failure:
        """Settle *trial* after *error*, and say what it means."""
        failure = trial.failure(error, timed_out=timed_out)
        self.settle(trial, failure.observation)
        return failure

    def settle(self, trial: Trial, observation: Observation) -> None:
        """End the lease of *trial* and charge what is due; synchronous, and harmless twice."""
        if trial.settled is not None:
            return
        self._observation = observation
        units = self._due(trial, observation)
        self._units += units
        if trial.blocked:
            self.request.spared |= {trial.lease.token}
        if CHARGED[observation.stage]:
            self.desk.days.count(self.call.daily, trial.lease.token, blocked=trial.blocked)
        taken = trial.settle(observation, units=units, penalize=not self.request.penalized)
        self.request.penalized = self.request.penalized or taken.penalized
        self._tries.append(
            AttemptRecord(
                upstream=trial.route.upstream,
                account=trial.lease.token,
                observation=observation,
                units=units,
                duration_s=self.desk.clock.monotonic() - trial.began_at,
                penalized=taken.penalized,
                decision=trial.lease.decision,
            )
        )

    def cancel(self, trial: Trial) -> None:
        """End the call because its client does not want it any more."""
        self.settle(trial, trial.observation(Kind.CANCELLED))
        self.end("cancelled")

    def forget(self, trial: Trial) -> None:
        """End a call whose caller lost it, which is a defect of the caller."""
        self.desk.log.warning("exchange_forgotten", plugin=self.plugin)
        self.cancel(trial)

    def failed(self, error: GatewayError) -> None:
        """Tell observers that the call ended with *error*."""
        self._error = error.code
        self.end("failed")

    def end(self, outcome: Literal["completed", "failed", "cancelled"]) -> None:
        """Tell observers how the call ended; only the first end counts."""
        if self._over:
            return
        self._over = True
        self.deadline.close()
        self.desk.budget.live -= 1
        if self._bill is not None:
            self._settle_bill(self._bill, left=outcome == "cancelled")
        try:
            self.desk.finished(
                self.plugin,
                structs.replace(self._record(outcome), tries=tuple(self._tries), error=self._error),
            )
        except Exception:
            self.desk.log.exception("call_observer_failed", plugin=self.plugin)

    def _settle_bill(self, bill: Bill, *, left: bool) -> None:
        trial = self._trial
        if trial is None:
            bill.ended(0, began=False, left=left)
        else:
            made = trial.outputs()
            if self.call.card.capability != "chat":
                made = min(made, self._wanted) - trial.lost
            bill.ended(max(0, made), began=trial.answered, left=left)

    def lose(self, trial: Trial, asset: Asset) -> None:
        """Note that a file of the answer could not be had, so that it is not charged to the key."""
        made = trial.lose(asset) and self.call.card.capability != "chat"
        if made and self._over and self._bill is not None:
            self._bill.lost()

    def _due(self, trial: Trial, observation: Observation) -> int:
        """Return the units to charge, after the rule's own correction."""
        price = trial.route.price
        if not CHARGED[observation.stage]:
            return 0
        if observation.stage is not Stage.CONTENT:
            return price.reserved()
        units = price.charged(trial.made())
        return units if price.correct is None else self._corrected(price, units)

    def _corrected(self, price: Price, units: int) -> int:
        """Let the rule lower the charge; what it cannot say stays as it is (I8)."""
        assert price.correct is not None
        try:
            corrected = price.correct(structs.replace(self._record("completed"), units=units))
            return min(units, max(0, int(corrected)))
        except Exception:
            self.desk.log.exception("cost_rule_failed", model=self.call.card.id)
            self.desk.blamed(self.plugin)
            return units

    def _record(self, outcome: Literal["completed", "failed", "cancelled"]) -> CallRecord:
        trial = self._trial
        return CallRecord(
            request_id=self.call.caller.request_id,
            plugin=self.plugin,
            model=self.call.card.id,
            upstream=trial.route.upstream if trial is not None else None,
            outcome=outcome,
            observation=self._observation,
            units=self._units,
            outputs=trial.outputs() if trial is not None else 0,
            attempts=self.attempts,
            duration_s=self.desk.clock.monotonic() - self.began_at,
            first_event_s=self._first_event_s,
        )
