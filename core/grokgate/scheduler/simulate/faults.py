"""Named places at which something may go wrong.

Of all points each run arms a quarter, and an armed one fires a quarter of the times it is passed:
so every run has a character of its own, and combinations come up that no list would name.
"""

from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Final

_SHARE = 0.25

POINTS: Final[Mapping[str, str]] = {
    "store.write_fails": "states cannot be written; they are sent again later",
    "store.write_late": "states reach the disk long after they were read, beside edits",
    "timer.late": "the timer for refilled tokens fires seconds late",
    "timer.lost": "the timer's wake-up is lost, and the next one comes much later",
    "deadline.on_grant": "the deadline of a waiting request passes in the instant of its grant",
    "survey.late": "a survey takes minutes",
    "survey.stale": "a survey returns numbers from before it began",
    "survey.partial": "a survey leaves buckets out",
    "survey.fails": "a survey fails for a reason that says nothing of the account",
    "passing.facts": "numbers come with an answer",
    "settle.twice": "the end of a call is told twice",
    "settle.never": "nobody tells the end of a call; it is told after its lease has expired",
    "sent.twice": "the going out of a body is told twice",
    "cancel.on_grant": "a client leaves between its grant and its waking up",
    "cancel.lingers": "a request that has left still stands in the queue",
    "units.overrun": "a call costs more than was reserved",
    "account.shared": "the account's owner uses it elsewhere",
    "clock.jump": "the wall clock jumps by up to an hour",
    "process.crash": "the program is killed",
    "process.restart": "the program is stopped properly and started again",
    "operator.disable": "an operator disables or enables accounts",
    "operator.delete": "an operator deletes accounts and adds them again",
    "operator.limit": "an operator changes how many calls an account may have in flight",
    "operator.move": "an operator moves an account to another pool or changes its tags",
    "operator.quota": "an operator sets the units of an account, or clears its cool-down",
}


def chance(rng: Random, share: float) -> bool:
    """Tell whether something happens that does so in *share* of all cases."""
    return rng.random() < share


class FaultPoints:
    """The points of one run.

    Args:
        rng: Decides what is armed and what fires.
        share: Of points that are armed; 0: nothing ever goes wrong.
    """

    def __init__(self, rng: Random, *, share: float = _SHARE) -> None:
        self.armed = frozenset(name for name in POINTS if rng.random() < share)
        self.fired: Counter[str] = Counter()
        self._rng = rng

    def hit(self, name: str) -> bool:
        """Tell whether the fault *name* happens here and now."""
        if name not in self.armed or self._rng.random() >= _SHARE:
            return False
        self.fired[name] += 1
        return True

    def disarm(self) -> None:
        """From now on nothing goes wrong."""
        self.armed = frozenset()
