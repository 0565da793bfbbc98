"""What one client request takes from the daily quotas of its key (F-KEY-05, F-KEY-06).

1. `charge` takes the whole of it before the first call is leased, in one step, or refuses it.
   Further calls and attempts of the request take nothing more.
2. `ended` notes what a call made. What was made by nobody is given back once the request is over
   and none of its calls runs any more: until then a further call may make it.
3. Work that outlives its request gives back at the end of each call, and takes anew for a next one.

A client that leaves after output has begun gets nothing back.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from grokgate.keys import Meter
from grokgate.plugin.records import Call, Caller, Capability

_QUOTAS: Final[Mapping[Capability, tuple[str, ...]]] = {
    "chat": ("chat",),
    "image": ("image",),
    "image_edit": ("image",),
    "video": ("video",),
}
_OF_HEAVY: Final = ("heavy", "chat")


def quotas_of(call: Call) -> tuple[str, ...]:
    """Return the daily quotas that a call counts towards."""
    card = call.card
    if card.capability == "chat" and card.tier == "heavy":
        return _OF_HEAVY
    return _QUOTAS[card.capability]


def wanted_of(calls: Sequence[Call]) -> int:
    """Return how much the request of *calls*, which are opened at once, takes; 1 per video."""
    if calls[0].card.capability == "video":
        return 1
    return sum(call.outputs if call.wanted is None else call.wanted for call in calls)


class Bill:
    """One client request's share of some quotas; used from one event loop.

    Args:
        meter: Where it is taken from.
        caller: Whose quotas.
        quotas: All are charged alike.
    """

    __slots__ = (
        "_began",
        "_day",
        "_held",
        "_key_id",
        "_left",
        "_limits",
        "_live",
        "_made",
        "_meter",
        "_over",
        "_quotas",
        "_taking",
    )

    def __init__(self, meter: Meter, caller: Caller, quotas: tuple[str, ...]) -> None:
        self._meter = meter
        # The caller itself must not be held: its end is that of the request.
        self._key_id = caller.key_id
        self._limits = caller.limits
        self._quotas = quotas
        self._day = ""
        self._held = 0
        """Taken and not given back."""
        self._made = 0
        self._live = 0
        """Calls under way."""
        self._began = False
        """There was output."""
        self._left = False
        """The client did not wait for the end."""
        self._over = False
        self._taking = asyncio.Lock()

    async def charge(self, wanted: int) -> None:
        """Begin a call of a request that wants so much in all; *ended* has to follow.

        Raises:
            DailyQuotaExceeded: There is not so much left; nothing was taken.
        """
        async with self._taking:
            lacking = wanted - self._held
            if lacking > 0:
                amounts = dict.fromkeys(self._quotas, lacking)
                self._day = await self._meter.take(self._key_id, amounts, limits=self._limits)
                self._held = wanted
            self._live += 1

    def ended(self, made: int, *, began: bool, left: bool) -> None:
        """Note the end of a call.

        Args:
            made: What it made.
            began: There was some output, finished or not.
            left: The client did not wait for its end.
        """
        self._made += made
        self._began = self._began or began
        self._left = self._left or left
        self._live -= 1
        self._give_back()

    def lost(self) -> None:
        """Note that one of what was made could not be had after all."""
        self._made = max(0, self._made - 1)
        self._give_back()

    def void(self) -> None:
        """Forget what was made: the client gets nothing of it."""
        self._made = 0
        self._began = False
        self._give_back()

    def over(self) -> None:
        """Note that the request has been answered; harmless twice."""
        self._over = True
        self._give_back()

    def _give_back(self) -> None:
        if self._live or not self._over:
            return
        due = self._held if self._left and self._began else min(self._held, self._made)
        if due < self._held:
            amounts = dict.fromkeys(self._quotas, self._held - due)
            self._held = due
            self._meter.give_back(self._key_id, self._day, amounts)
