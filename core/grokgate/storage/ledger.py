"""Queries about token states: what calls change, written in batches."""

from collections.abc import AsyncGenerator, Collection, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.batch import execute_many, select_by_id, select_many
from grokgate.storage.tables import token_states


class StateRow(Struct, frozen=True, gc=False):
    """The state of one token as it lies in the database. Times are Unix milliseconds."""

    id: str
    status: str
    state_reason: str | None
    state_since_at: int | None
    evidence: str | None
    tier: str | None
    buckets: bytes
    """JSON object of buckets by name."""
    cooldown_until: int | None
    cooldown_level: int
    use_count: int
    consumed: int
    fail_count: int
    last_used_at: int | None
    last_fail_at: int | None
    last_fail_reason: str | None
    last_sync_at: int | None
    sync_count: int
    kept: bytes
    """JSON object of texts."""


def read_states(connection: AsyncConnection) -> AsyncGenerator[list[StateRow], None]:
    """Yield the state of every token in portions, in no particular order."""
    return select_many(connection, _SELECT, StateRow)


async def find_states(connection: AsyncConnection, ids: Collection[str]) -> list[StateRow]:
    """Return the states of those of *ids* that there are, in no particular order."""
    return await select_by_id(connection, _SELECT, token_states.c.id, ids, StateRow)


async def write_states(connection: AsyncConnection, rows: Sequence[StateRow]) -> None:
    """Overwrite the states of known tokens; rows of erased tokens are passed over."""
    await execute_many(connection, _UPDATE, [_parameters(row) for row in rows])


def _parameters(row: StateRow) -> dict[str, Any]:
    values = msgspec.structs.asdict(row)
    values["row_id"] = values.pop("id")
    return values


_SELECT = select(*(token_states.c[name] for name in StateRow.__struct_fields__))
_CHANGED = [name for name in StateRow.__struct_fields__ if name != "id"]
_UPDATE = (
    update(token_states)
    .where(token_states.c.id == bindparam("row_id"))
    .values({name: bindparam(name) for name in _CHANGED})
    .values(revision=token_states.c.revision + 1)
)
