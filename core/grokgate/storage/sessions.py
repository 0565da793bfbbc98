"""Queries about operators' sessions."""

from collections.abc import Collection, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.batch import execute_many
from grokgate.storage.tables import admin_sessions as sessions


class SessionRow(Struct, frozen=True, kw_only=True):
    """A session as it lies in the database. Times are Unix milliseconds."""

    id: str
    digest: bytes
    """Keyed digest of its text; unique."""
    created_at: int
    used_at: int
    address: str
    agent: str


async def load_sessions(connection: AsyncConnection) -> list[SessionRow]:
    """Return every session."""
    return [SessionRow(**row) for row in (await connection.execute(select(sessions))).mappings()]


async def insert_session(connection: AsyncConnection, row: SessionRow) -> None:
    """Add a session."""
    await connection.execute(insert(sessions).values(**msgspec.structs.asdict(row)))


async def touch_sessions(connection: AsyncConnection, used: Sequence[tuple[bytes, int]]) -> None:
    """Write when sessions, by their digests, were last used; a later use that is known stays."""
    await execute_many(
        connection, _TOUCH, [{"row_digest": digest, "used_at": at_ms} for digest, at_ms in used]
    )


async def remove_sessions(connection: AsyncConnection, digests: Collection[bytes]) -> None:
    """Remove sessions for good."""
    await execute_many(connection, _REMOVE, [{"row_digest": digest} for digest in digests])


async def remove_all_sessions(connection: AsyncConnection) -> None:
    """Remove every session for good."""
    await connection.execute(delete(sessions))


_TOUCH = (
    update(sessions)
    .where(sessions.c.digest == bindparam("row_digest"))
    .where(sessions.c.used_at < bindparam("used_at"))
    .values(used_at=bindparam("used_at"))
)
_REMOVE = delete(sessions).where(sessions.c.digest == bindparam("row_digest"))
