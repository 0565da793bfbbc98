"""Taking part in a ledger that was begun anew, so that nothing is lost and nothing sold twice.

1. The rows are there. Those that this process knows better are sent first.
2. When all processes have done so, its leases are sent, and whatever was on its way.
3. When all processes have done so, tokens are leased again.
"""

from grokgate.scheduler.redis.epochs import Epochs
from grokgate.scheduler.redis.leases import Leases
from grokgate.scheduler.redis.members import Members, Stage
from grokgate.scheduler.redis.outbox import Outbox


class Joining:
    """What this process does whenever the connection is made.

    Args:
        epochs: Knows the ledger there.
        members: All that take part.
        outbox: Begun anew with the ledger.
        leases: Of this process.
    """

    def __init__(self, epochs: Epochs, members: Members, outbox: Outbox, leases: Leases) -> None:
        self._epochs = epochs
        self._members = members
        self._outbox = outbox
        self._leases = leases
        self._told: str | None = None
        """Epoch of the ledger for which the outbox was begun anew."""
        self._joined: str | None = None
        """Epoch of the ledger to which all that is known here has been told."""

    async def join(self) -> None:
        """Take part in the ledger as it is now; may be called again at any time.

        Raises:
            Lost: The server went meanwhile, or takes nothing.
        """
        epoch = await self._epochs.find()
        is_new = epoch != self._joined
        await self._members.come(Stage.HERE if is_new else Stage.ALL, epoch)
        if not is_new:
            return
        await self._epochs.take_over(epoch)
        if epoch != self._told:
            await self._tell_rows(epoch)
        await self._outbox.send_all()
        await self._reach(Stage.ALL, epoch)
        self._joined = epoch

    async def _tell_rows(self, epoch: str) -> None:
        await self._outbox.send_first(self._epochs.better())
        await self._reach(Stage.ROWS, epoch)
        await self._outbox.begin_anew(self._leases.restored())
        self._told = epoch

    async def _reach(self, stage: Stage, epoch: str) -> None:
        await self._members.come(stage, epoch)
        await self._members.wait_for(stage, begun_ms=self._epochs.begun_ms)
