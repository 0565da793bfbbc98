"""Daily quotas of keys, exact over all processes (I6): the `Meter` beside a `RedisHome`.

The server has the counts that are checked; every process goes on adding what it takes to the
database (`keys.usage`), from where a server that lost them learns them again.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeAlias

from grokgate.errors import DailyQuotaExceeded
from grokgate.scheduler.redis.operations import Answer, Charge, Credit
from grokgate.scheduler.redis.outbox import Outbox

Stored: TypeAlias = Callable[[str, str], Awaitable[Mapping[str, int]]]
"""Key id, day → what the database has, by quota."""


class Book(Protocol):
    """What is needed of `keys.usage.DailyUsage`."""

    def day(self) -> str:
        """Return what day it is."""
        ...

    def left_s(self) -> float:
        """Return the seconds to the next day."""
        ...

    def used(self, key_id: str) -> Mapping[str, int]:
        """Return what a key has used today, as far as this process knows."""
        ...

    async def take(
        self, key_id: str, amounts: Mapping[str, int], /, *, limits: Mapping[str, int]
    ) -> str:
        """Count what a request may use."""
        ...

    def give_back(self, key_id: str, day: str, amounts: Mapping[str, int], /) -> None:
        """Count less."""
        ...


class RedisUsage:
    """A `keys.usage.Meter` for several processes.

    Args:
        book: Makes the counts durable; its own limits are not asked.
        outbox: Of the home: ``home.outbox``.
        stored: Asked for what a key has used when the server knows nothing of that day.
    """

    def __init__(self, book: Book, outbox: Outbox, stored: Stored) -> None:
        self._book = book
        self._outbox = outbox
        self._stored = stored

    async def take(
        self, key_id: str, amounts: Mapping[str, int], /, *, limits: Mapping[str, int]
    ) -> str:
        """Reserve what a request may use, in one step for all processes.

        Raises:
            DailyQuotaExceeded: One of the quotas would be passed; nothing was taken.
            StoreUnavailable: Nobody can tell; nothing was taken.
        """
        day = self._book.day()
        charge = Charge(day=day, key=key_id, amounts=amounts, limits=limits)
        answer = await self._ask(charge)
        if answer.unknown:
            charge.used = await self._known(key_id, day)
            answer = await self._ask(charge)
        if answer.refused:
            raise DailyQuotaExceeded("/".join(amounts), retry_after_s=self._book.left_s())
        await self._book.take(key_id, amounts, limits={})
        return day

    def give_back(self, key_id: str, day: str, amounts: Mapping[str, int], /) -> None:
        """Return part of what was taken on *day*; never waits and never fails."""
        self._outbox.put(Credit(day=day, key=key_id, amounts=amounts))
        self._book.give_back(key_id, day, amounts)

    async def _known(self, key_id: str, day: str) -> Mapping[str, int]:
        """Return what is stored, or what we have counted where that is not written yet."""
        stored, counted = await self._stored(key_id, day), self._book.used(key_id)
        return {
            quota: max(stored.get(quota, 0), counted.get(quota, 0))
            for quota in stored.keys() | counted.keys()
        }

    async def _ask(self, charge: Charge) -> Answer:
        def unwanted(answer: Answer) -> None:
            if not answer.refused and not answer.unknown:
                credit = Credit(day=charge.day, key=charge.key, amounts=charge.amounts)
                self._outbox.put(credit)

        return await self._outbox.ask(charge, unwanted=unwanted)
