"""Taking part in a ledger that was begun anew, so that nothing is lost and nothing sold twice.

1. The rows are there. Those that this process knows better are sent first.
2. When every process has had time for that, its leases are sent, and whatever was on its way.
3. When every process has had time for that, too, tokens are leased again.
"""

from collections.abc import Callable

import anyio

from grokgate.scheduler.holding import Moment
from grokgate.scheduler.redis.client import Link
from grokgate.scheduler.redis.epochs import Epochs
from grokgate.scheduler.redis.leases import Leases
from grokgate.scheduler.redis.operations import Better, Operation
from grokgate.scheduler.redis.outbox import Outbox
from grokgate.scheduler.redis.view import View


class Joining:
    """What this process does whenever the connection is made.

    Args:
        link: To the server.
        epochs: Knows the ledger there.
        view: The copy of it.
        outbox: Begun anew with the ledger.
        leases: Of this process.
        now: Returns the time by the server's clock.
        regain_s: From the beginning of a ledger to its first lease.
    """

    def __init__(
        self,
        link: Link,
        epochs: Epochs,
        view: View,
        outbox: Outbox,
        leases: Leases,
        *,
        now: Callable[[], Moment],
        regain_s: float,
    ) -> None:
        self._link = link
        self._epochs = epochs
        self._view = view
        self._outbox = outbox
        self._leases = leases
        self._now = now
        self._regain_s = regain_s
        self._complete_at = 0.0
        self._epoch: str | None = None
        """Of the ledger to which all that is known here has been told."""

    @property
    def is_complete(self) -> bool:
        """Whether all processes have had time to tell the ledger what they know."""
        return self.wait_s <= 0

    @property
    def wait_s(self) -> float:
        """Seconds until all had time to tell what they know."""
        return self._complete_at - self._now().s

    async def join(self) -> None:
        """Take part in the ledger as it is now; may be called again at any time.

        Raises:
            Lost: The server went meanwhile.
        """
        await self._epochs.join()
        if self._link.epoch == self._epoch:
            return
        at = self._now()
        begun_s = at.s - (at.ms - self._epochs.begun_ms) / 1000
        self._complete_at = begun_s + self._regain_s
        await self._outbox.send_first(self._better())
        await anyio.sleep(max(0.0, begun_s + self._regain_s / 2 - self._now().s))
        await self._outbox.begin_anew(self._leases.restored())
        self._epoch = self._link.epoch

    def _better(self) -> list[Operation]:
        at = self._now()
        entries = [self._view.entries.get(token) for token in self._epochs.better]
        return [
            Better(token=entry.id, row=self._view.row(entry, at))
            for entry in entries
            if entry is not None
        ]
