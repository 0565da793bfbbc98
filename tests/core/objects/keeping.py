"""What the tests of the store share."""

from datetime import timedelta

from sqlalchemy import text

from grokgate.objects import PluginObjects
from grokgate.storage import Database
from grokgate.testing.clock import FakeClock


class Keeper:
    """Keeps ten bytes under a key for a minute, unless told otherwise."""

    def __init__(self, objects: PluginObjects, clock: FakeClock) -> None:
        self._objects = objects
        self._clock = clock

    async def __call__(
        self,
        key: str,
        value: bytes = b"0123456789",
        *,
        owner: str = "k1",
        most_bytes: int | None = None,
        minutes: float = 1,
    ) -> None:
        expires_at = self._clock.now() + timedelta(minutes=minutes)
        await self._objects.put(
            key, value, owner=owner, expires_at=expires_at, most_bytes=most_bytes
        )

    async def touch(self, *keys: str, minutes: float = 1) -> None:
        expires_at = self._clock.now() + timedelta(minutes=minutes)
        await self._objects.touch(keys, owner="k1", expires_at=expires_at)

    async def there(self, keys: str, *, owner: str = "k1") -> str:
        """Return which of the one-letter *keys* can be read."""
        found = [key for key in keys if await self._objects.get(key, owner=owner) is not None]
        return "".join(found)


async def count_rows(database: Database, table: str) -> int:
    async with database.read() as connection:
        count = await connection.execute(text(f"SELECT count(*) FROM {table}"))
        return int(count.scalar_one())
