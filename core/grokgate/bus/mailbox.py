"""What waits to be told: ids that were changed, each once, in bounded space."""

import asyncio
from typing import Any, Final

import anyio

from grokgate.bus.bus import Follower, Ids

MOST_IDS: Final = 200
"""What is more than so many is told as "anything"."""
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0


class Mailbox:
    """Collects ids until they are taken; too many of them become None."""

    def __init__(self) -> None:
        self.stirred = asyncio.Event()
        """Set while something waits."""
        self._ids: Ids = frozenset()

    def put(self, ids: Ids) -> None:
        """Add *ids* to what waits."""
        if self._ids is not None:
            self._ids = None if ids is None else self._ids | ids
        if self._ids is not None and len(self._ids) > MOST_IDS:
            self._ids = None
        self.stirred.set()

    def take(self) -> Ids:
        """Return what waits, and forget it."""
        taken, self._ids = self._ids, frozenset()
        self.stirred.clear()
        return taken


class Subscription:
    """One follower and what waits for it.

    Args:
        topic: What it follows.
        follower: Told.
        log: Told when it could not follow.
    """

    def __init__(self, topic: str, follower: Follower, log: Any) -> None:
        self.topic = topic
        self.box = Mailbox()
        self.box.put(None)
        self._follower = follower
        self._log = log

    async def serve(self) -> None:
        """Tell the follower until cancelled; what it could not follow is told again."""
        pause_s = 0.0
        while True:
            await anyio.sleep(pause_s)
            await self.box.stirred.wait()
            ids = self.box.take()
            try:
                done = self._follower(ids)
                if done is not None:
                    await done
                pause_s = 0.0
            except Exception as error:  # noqa: BLE001 - a fence: a store may fail, and heals
                self.box.put(ids)
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s or _FIRST_PAUSE_S)
                self._log.warning("not_followed", topic=self.topic, error=type(error).__name__)
