"""Queries about the audit trail: what operators did (F-LOG-07)."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.openai.ids import new_id
from grokgate.storage.acting import Act
from grokgate.storage.tables import audit


class AuditRow(Struct, frozen=True, kw_only=True):
    """One line of the trail."""

    id: str
    at_ms: int
    actor: str
    address: str
    action: str
    target: str
    detail: Mapping[str, Any]


async def insert_act(connection: AsyncConnection, act: Act, *, now_ms: int) -> str:
    """Write the line of *act*; return its id."""
    line = new_id(f"{now_ms:013d}-")
    await connection.execute(
        insert(audit).values(
            id=line,
            at_ms=now_ms,
            actor=act.actor,
            address=act.address,
            action=act.action,
            target=act.target,
            detail=msgspec.json.encode(act.detail),
        )
    )
    return line


async def amend_act(connection: AsyncConnection, act: Act) -> None:
    """Write what is known by now into the line of *act*."""
    await connection.execute(
        update(audit)
        .where(audit.c.id == act.line)
        .values(target=act.target, detail=msgspec.json.encode(act.detail))
    )


async def list_acts(
    connection: AsyncConnection, *, limit: int, before: str | None = None
) -> list[AuditRow]:
    """Return lines, newest first; *before* is the id of the last line of the page before."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.id < before)
    rows = (await connection.execute(query)).mappings()
    return [AuditRow(**{**row, "detail": msgspec.json.decode(row["detail"])}) for row in rows]


async def prune_acts(connection: AsyncConnection, *, before_ms: int) -> None:
    """Remove the lines that are older."""
    await connection.execute(delete(audit).where(audit.c.at_ms < before_ms))
