"""Defects that are planted in the scheduler are found, so its silence means something.

This is the one test that changes our own code: a checker can only be tested on what it must not let
pass, and the scheduler is not to be written so that it can be broken from outside. Each defect must
be found for what it is, not for something that it leads to.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from grokgate.errors import NoTokensConfigured
from grokgate.scheduler import core, entry
from grokgate.scheduler.core import Core
from grokgate.scheduler.entry import Entry, Grant
from grokgate.scheduler.holding import Holding, Moment
from grokgate.scheduler.home import Lease, Settled, Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.queue import FairQueue, Place
from grokgate.scheduler.simulate.agenda import START
from grokgate.scheduler.simulate.storm import Outcome
from grokgate.scheduler.verdict import judge
from grokgate.upstream import AccountFacts, Kind, Observation, Stage

Storm = Callable[..., Outcome]

SEEDS = 60
"""Within so many seeds each must be found."""


class RefundForgotten(Core):
    """A client that leaves before its call goes out pays for it."""

    def settle(self, lease: int, observation: Observation, at: Moment, **rest: Any) -> Settled:
        if observation.kind is Kind.CANCELLED:
            observation = replace(observation, stage=Stage.CONTENT)
        return super().settle(lease, observation, at, **rest)


class SurveyForgetsCharges(Core):
    """What was charged while a survey was under way is forgotten (I2)."""

    def learned(self, token: str, facts: AccountFacts, at: Moment, **rest: Any) -> None:
        super().learned(token, facts, at, **{**rest, "since": self.ledger.sequence})


class SettledTwice(Core):
    """The second end of a lease is judged once more (I3)."""

    def settle(self, lease: int, observation: Observation, at: Moment, **rest: Any) -> Settled:
        seen: dict[int, Grant] = self.__dict__.setdefault("seen", {})
        grant = self.ledger.open.get(lease)
        if grant is not None:
            seen[lease] = grant
        elif lease in seen:
            effect = judge(observation).effect
            penalty = {"penalize": True, "fail_threshold": rest["fail_threshold"]}
            self.penalties.apply(effect, observation, seen[lease], at, **penalty)
        return super().settle(lease, observation, at, **rest)


class JumpEndsWindows(Ledger):
    """A wall clock that jumps ahead brings back what is out of service (I9)."""

    def drain(self, at: Moment) -> list[Entry]:
        wall_s = START.s + (at.ms - START.ms) / 1000
        return super().drain(Moment(max(at.s, wall_s), at.ms))


class ReservedBeyondQuota(Holding):
    """A call reserves what it costs, whatever is left (I1)."""

    def reserve(self, units: int) -> int:
        self.open += units
        self.granted += units
        return units


class ChargedBeyondReservation(Holding):
    """A call that costs more than was reserved for it is charged in full (I1)."""

    def settle(self, lease: int, reserved: int, units: int) -> int:
        self.granted += max(0, units - reserved)
        self.open += max(0, units - reserved)
        return super().settle(lease, max(reserved, units), units)


class OneTooMany(Ledger):
    """A token takes one call more than it may (I4)."""

    def _limit_of(self, entry: Entry) -> int:
        return super()._limit_of(entry) + 1


class PenaltyForEveryAttempt(Core):
    """One client request takes out as many accounts as it tries (P4)."""

    def settle(self, lease: int, observation: Observation, at: Moment, **rest: Any) -> Settled:
        return super().settle(lease, observation, at, **{**rest, "penalize": True})


class ClientsFaultIsTheAccounts(Core):
    """A request that is nonsense is held against the account (I7)."""

    def settle(self, lease: int, observation: Observation, at: Moment, **rest: Any) -> Settled:
        if observation.kind is Kind.BAD_REQUEST:
            observation = replace(observation, kind=Kind.FORBIDDEN)
        return super().settle(lease, observation, at, **rest)


class UnknownIsRefunded(Core):
    """A call whose outcome is unknown is given back, and the account asked no more for it."""

    def settle(self, lease: int, observation: Observation, at: Moment, **rest: Any) -> Settled:
        if observation.stage is Stage.SENT:
            observation = replace(observation, stage=Stage.REFUSED)
        return super().settle(lease, observation, at, **rest)


class FaultsAreOverlooked(Core):
    """A plain 401 leaves the account in service."""

    def settle(self, lease: int, observation: Observation, at: Moment, **rest: Any) -> Settled:
        if observation.kind is Kind.AUTH_FAIL:
            observation = replace(observation, kind=Kind.NOT_ENTITLED)
        return super().settle(lease, observation, at, **rest)


class DeafToSurveys(Core):
    """Nobody who waits is told of quota that a survey found."""

    def learned(
        self,
        token: str,
        facts: AccountFacts,
        at: Moment,
        *,
        since: int,
        asked: frozenset[str] | None,
    ) -> None:
        entry = self.ledger.entries.get(token)
        if entry is not None:
            self.ledger.learn(entry, facts.windows, at, since=since, asked=asked)


class DeadAccountsAreLeased(Ledger):
    """An expired account is treated as if nothing were wrong with it (I4)."""

    def retire(self, entry: Entry, reason: str, *args: Any, **rest: Any) -> None:
        entry.reason = reason


class DearCallsAreRefused(Core):
    """A call that costs more than one unit gets no account."""

    def acquire(self, want: Want, at: Moment) -> Lease | None:
        if want.units > 1:
            raise NoTokensConfigured
        return super().acquire(want, at)


class LeaseIsLeaked(Core):
    """The lease of a client that leaves in the instant of its grant is forgotten (I5)."""

    def take_back(self, lease: Lease, at: Moment) -> None:
        pass


class NobodyIsRefused(Core):
    """The deadline in the queue passes unseen."""

    def overdue(self, place: Place[Any], at: Moment) -> None:
        self.serve(at)


class LastComeFirstServed(FairQueue[Any]):
    """The youngest of a key is served first (I10)."""

    def join(self, key: str, *args: Any, **rest: Any) -> Place[Any] | None:
        place = super().join(key, *args, **rest)
        if place is not None:
            self._lines[key].rotate(1)
        return place


class NewestKeyFirst(FairQueue[Any]):
    """The key that came last is served first, again and again (I10)."""

    def join(self, key: str, *args: Any, **rest: Any) -> Place[Any] | None:
        place = super().join(key, *args, **rest)
        if place is not None:
            self._lines.move_to_end(key, last=False)
        return place


class Stumbles(Core):
    """The program raises what nobody expects."""

    def take_back(self, lease: Lease, at: Moment) -> None:
        raise TypeError(lease.id)


PLACES = ((core, Ledger), (core, FairQueue), (entry, Holding))
"""Where the scheduler takes its parts from."""

BUGS = {
    RefundForgotten: "left, must be -1",
    SurveyForgetsCharges: "left, must be",
    SettledTwice: "counted or forgotten without cause",
    PenaltyForEveryAttempt: "the second penalty of one client request",
    ClientsFaultIsTheAccounts: "was penalized for bad_request",
    UnknownIsRefunded: "left, must be -1",
    FaultsAreOverlooked: "was not penalized for auth_fail",
    DeafToSurveys: "waits for nothing|waits beside",
    DearCallsAreRefused: "was refused beside",
    LeaseIsLeaked: r"refunded, expired, rejected: ",
    NobodyIsRefused: "waits past its deadline",
    Stumbles: r"TypeError: \d+ \(test_planted_bugs.py:\d+\)",
    JumpEndsWindows: "came back before|left, must be 0|is active, must be cooling",
    OneTooMany: "was leased for r[0-9]+: busy",
    DeadAccountsAreLeased: "must be expired",
    ReservedBeyondQuota: r"units of \S+ were leased, \d+ are left",
    ChargedBeyondReservation: r"settled, refunded, expired, rejected: |left, must be",
    LastComeFirstServed: "overtook .* within its key",
    NewestKeyFirst: "was served twice while",
}
"""With what is said of each."""


@pytest.mark.parametrize(
    ("bug", "said"), [pytest.param(bug, said, id=bug.__name__) for bug, said in BUGS.items()]
)
def test_planted_bug_is_found(
    bug: type[Any], said: str, rage: Storm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, part in PLACES:
        if issubclass(bug, part):
            monkeypatch.setattr(module, part.__name__, bug)
    make_core = bug if issubclass(bug, Core) else Core

    outcomes = (rage(seed, make_core=make_core) for seed in range(SEEDS))
    found = next((outcome.wrong for outcome in outcomes if outcome.wrong), None)

    assert found is not None
    assert re.search(said, found), found


def test_fault_is_seen_again_bit_for_bit(rage: Storm) -> None:
    first, second = (rage(4, make_core=LeaseIsLeaked) for _ in range(2))

    assert first.wrong
    assert first == second
