"""What the parts of a process may ask of the others of its installation."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeAlias

Ids: TypeAlias = frozenset[str] | None
"""Of what was changed; empty: the topic has none. None: anything may have been changed."""
Follower: TypeAlias = Callable[[Ids], Awaitable[None] | None]
"""Reads again what another process has committed; may be called when nothing has changed. One that
raises is called again a while later."""
Work: TypeAlias = Callable[[], Awaitable[None]]


class Bus(Protocol):
    """Tells other processes what was committed here, and hears of what was committed there."""

    def publish(self, topic: str, ids: Iterable[str] = (), /) -> None:
        """Tell the other processes; never waits and never fails.

        Args:
            topic: What kind of thing was changed.
            ids: Which; short, and no secret.
        """
        ...

    def subscribe(self, topic: str, follower: Follower, /) -> None:
        """Have *follower* told of what other processes publish, one message at a time.

        Call it before `run`.
        """
        ...

    async def run(self) -> None:
        """Carry messages until cancelled; before that nothing is sent or heard."""
        ...


class Leadership(Protocol):
    """Finds the one process of an installation that does what only one may do."""

    @property
    def leads(self) -> bool:
        """Whether it is this one now."""
        ...

    async def lead(self, work: Work, /) -> None:
        """Do *work* whenever this process leads.

        The work is cancelled when the leadership is lost, early enough for it to end before
        another process begins. Returns or raises when the work does.
        """
        ...


class Presence(Protocol):
    """Tells the other processes what goes on here, and knows what goes on there."""

    @property
    def answers(self) -> bool:
        """Whether what was asked last could be known."""
        ...

    def begin(self, name: str, /) -> None:
        """Note that something goes on here; never waits and never fails."""
        ...

    def end(self, name: str, /) -> None:
        """Note that it is over; never waits and never fails."""
        ...

    async def goes_on(self, name: str, /, *, watching: bool = False) -> bool:
        """Tell whether something goes on in any process; True while that cannot be known.

        Args:
            name: Of what goes on.
            watching: Its process is to know, for a few seconds, that another one watches it.
        """
        ...

    async def is_watched(self, name: str, /) -> bool:
        """Tell whether another process has watched lately what goes on here."""
        ...

    async def told(self, name: str, /) -> None:
        """Wait until the other processes can know that something goes on here."""
        ...

    async def run(self) -> None:
        """Tell the others until cancelled."""
        ...
