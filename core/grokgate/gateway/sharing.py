"""What the processes of one installation share by Redis or Valkey (F-STO-01).

```text
bus          what another process committed is read again here
leadership   what only one process may do
presence     which jobs go on anywhere
home, meter  units, leases and daily quotas, exact over all processes
places       how often keys ask, what runs at once: likewise
notes        failed logins, used tickets, passwords given again
```

Imported only where the operator names a server: the library is optional.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from grokgate.bus.lease import RedisLeadership
from grokgate.bus.presence import RedisPresence
from grokgate.bus.redis import RedisBus
from grokgate.bus.shared_notes import RedisNotes
from grokgate.gateway import parts
from grokgate.keys import Meter
from grokgate.scheduler.redis import RedisHome, RedisPlaces, RedisUsage
from grokgate.storage.keys import load_usage
from grokgate.upstream import Secret

if TYPE_CHECKING:
    from grokgate.gateway.gateway import Gateway


class Sharing:
    """The share of one process.

    Args:
        gateway: Of this process.
        address: Of the server.
        installation: Keeps the keys of installations on it apart.
    """

    def __init__(self, gateway: "Gateway", address: Secret, installation: str) -> None:
        log, rng = gateway.log, gateway.rng
        self.bus = RedisBus(address, installation, log=log, rng=rng)
        self.leadership = RedisLeadership(address, installation, log=log, rng=rng)
        self.presence = RedisPresence(address, installation, rng=rng)
        self.home = RedisHome(
            url=address,
            installation=installation,
            start_s=gateway.boot.storage_wait_timeout_s,
            reachable=self._database_answers,
            **parts.of_home(gateway),
        )
        self.places = RedisPlaces(
            self.home.outbox, ready=lambda: self.home.ready, clock=gateway.clock
        )
        self.notes = RedisNotes(address, installation, clock=gateway.clock)
        self._gateway = gateway

    @property
    def answers(self) -> bool:
        """Whether all that is shared can be reached; if not, no process goes on alone (P10)."""
        return self.home.ready

    @property
    def backlog(self) -> int:
        """How many changes of the ledger wait for the server."""
        return len(self.home.outbox)

    async def open(self) -> None:
        """Take part in the ledger, once the accounts are loaded into the home.

        Raises:
            StartupError: The server does not answer.
            StateError: It is too old, or may throw away what it holds.
        """
        await self.home.open()
        self.home.enforce(self._gateway.tokens.records.values())
        self._gateway.tokens.subscribe_baseline(self.home.stored_as)
        self._gateway.tokens.subscribe_followed(self.home.noticed)

    def meter(self) -> Meter:
        """Return what counts the daily quotas of keys."""
        return RedisUsage(self._gateway.keys.usage, self.home.outbox, self._stored)

    def _database_answers(self) -> bool:
        return self._gateway.database.backend.answers

    async def _stored(self, key_id: str, day: str) -> Mapping[str, int]:
        """Return what a key used on a day, as far as it is stored."""
        async with self._gateway.database.read() as connection:
            rows = await load_usage(connection, [day])
        return {row.quota: row.used for row in rows if row.key_id == key_id}
