"""The bus of an installation of one process: there is nobody else."""

from collections.abc import Iterable

import anyio

from grokgate.bus.bus import Follower, Work


class LocalBus:
    """A `Bus` that tells nobody."""

    def publish(self, topic: str, ids: Iterable[str] = (), /) -> None:
        """Do nothing."""

    def subscribe(self, topic: str, follower: Follower, /) -> None:
        """Do nothing: *follower* is never called."""

    async def run(self) -> None:
        """Wait to be cancelled."""
        await anyio.sleep_forever()


class LocalLeadership:
    """A `Leadership` of the only process."""

    leads = True

    async def lead(self, work: Work, /) -> None:
        """Do *work*."""
        await work()


class LocalPresence:
    """A `Presence` of the only process."""

    answers = True

    def __init__(self) -> None:
        self._here: set[str] = set()

    def begin(self, name: str, /) -> None:
        """Note that something goes on."""
        self._here.add(name)

    def end(self, name: str, /) -> None:
        """Note that it is over."""
        self._here.discard(name)

    async def goes_on(self, name: str, /, *, watching: bool = False) -> bool:
        """Tell whether something goes on."""
        del watching
        return name in self._here

    async def is_watched(self, name: str, /) -> bool:
        """Say no: there is nobody else."""
        del name
        return False

    async def told(self, name: str, /) -> None:
        """Return at once: there is nobody to tell."""

    async def run(self) -> None:
        """Wait to be cancelled."""
        await anyio.sleep_forever()
