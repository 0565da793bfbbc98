"""Another process takes a database over, at the moment that its gateway is cut off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import asyncpg

from grokgate.storage.holding import LOCK_KEY
from grokgate.upstream import Secret

_QUEUED = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
_CUT_OFF = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'grokgate%'"
)


@asynccontextmanager
async def taken_over(address: Secret) -> AsyncIterator[asyncpg.Connection]:
    """Have the lock and the mark of a second process, for as long as the context at most."""
    other, third = [await asyncpg.connect(address.reveal()) for _ in range(2)]
    taking = asyncio.create_task(other.execute(f"SELECT pg_advisory_lock({LOCK_KEY})"))
    with anyio.fail_after(10):
        while not await third.fetchval(_QUEUED):  # noqa: ASYNC110 - the server announces nothing
            await anyio.sleep(0.01)
        await third.execute(_CUT_OFF)
        await third.close()
        await taking
    await other.execute("UPDATE meta SET value = 'another' WHERE key = 'holder'")
    try:
        yield other
    finally:
        await other.close()
