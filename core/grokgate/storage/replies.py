"""Queries about the recorded replies of idempotent requests."""

import msgspec
from msgspec import Struct
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.tables import idempotent_replies as replies
from grokgate.storage.upsert import upsert


class ReplyRow(Struct, frozen=True, kw_only=True):
    """A recorded reply as it lies in the database."""

    identity: bytes
    """Keyed digest of the owner and the ``Idempotency-Key``; unique."""
    owner: str
    """Id of the key whose request it answered."""
    request: bytes
    """Keyed digest of the request it answered."""
    sealed: bytes
    """Opened by the vault under the context ``reply:<identity in hex>``."""
    expires_at: int
    """Unix milliseconds."""


async def find_reply(
    connection: AsyncConnection, identity: bytes, *, now_ms: int
) -> ReplyRow | None:
    """Return the reply recorded under *identity*, or None when there is none or it has expired."""
    rows = await connection.execute(
        select(replies).where(replies.c.identity == identity, replies.c.expires_at > now_ms)
    )
    row = rows.mappings().one_or_none()
    return None if row is None else ReplyRow(**row)


async def put_reply(connection: AsyncConnection, row: ReplyRow) -> None:
    """Record a reply, in place of an expired one of the same identity."""
    values = msgspec.structs.asdict(row)
    await connection.execute(upsert(connection, replies, replace=values).values(values))


async def remove_expired_replies(connection: AsyncConnection, *, now_ms: int, limit: int) -> None:
    """Remove at most *limit* expired replies, the oldest first."""
    expired = (
        select(replies.c.identity)
        .where(replies.c.expires_at <= now_ms)
        .order_by(replies.c.expires_at)
        .limit(limit)
    )
    await connection.execute(delete(replies).where(replies.c.identity.in_(expired)))


async def remove_replies_of(connection: AsyncConnection, owner: str) -> None:
    """Remove every reply to requests of *owner*."""
    await connection.execute(delete(replies).where(replies.c.owner == owner))
