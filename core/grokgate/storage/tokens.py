"""Queries about tokens: what operators entered. States are overwritten by `ledger`."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import RowMapping, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.batch import execute_many
from grokgate.storage.ledger import StateRow
from grokgate.storage.tables import token_states, tokens


class TokenRow(Struct, frozen=True, kw_only=True, gc=False):
    """A token as it lies in the database. Times are Unix milliseconds."""

    id: str
    upstream: str
    pool: str
    identity: bytes
    """Keyed digest of the credential; unique per upstream."""
    sealed: bytes
    """Opened by the vault under the context ``token:<id>``."""
    tags: bytes
    """JSON list of texts."""
    note: str
    max_inflight: int | None
    created_at: int
    last_asset_clear_at: int | None
    deleted_at: int | None
    revision: int


async def load_tokens(connection: AsyncConnection) -> list[tuple[TokenRow, StateRow]]:
    """Return every token with its state, deleted ones included, oldest first."""
    rows = await connection.execute(select(tokens).order_by(tokens.c.created_at, tokens.c.id))
    states = await connection.execute(select(token_states))
    by_id = {state["id"]: _state(state) for state in states.mappings()}
    return [(_token(row), by_id[row["id"]]) for row in rows.mappings()]


async def insert_tokens(
    connection: AsyncConnection, rows: Sequence[TokenRow], states: Sequence[StateRow]
) -> None:
    """Add tokens with their first states; ids and identities must be new."""
    await execute_many(connection, insert(tokens), [msgspec.structs.asdict(row) for row in rows])
    first = [msgspec.structs.asdict(state) | {"revision": 1} for state in states]
    await execute_many(connection, insert(token_states), first)


async def update_tokens(connection: AsyncConnection, rows: Sequence[TokenRow]) -> None:
    """Overwrite what operators entered for known tokens; states are not touched."""
    await execute_many(connection, _UPDATE, [_parameters(row) for row in rows])


async def erase_tokens(connection: AsyncConnection, ids: Collection[str]) -> None:
    """Remove tokens and their states for good."""
    await execute_many(connection, _ERASE, [{"row_id": token_id} for token_id in ids])


def _token(row: RowMapping) -> TokenRow:
    return TokenRow(**{name: row[name] for name in TokenRow.__struct_fields__})


def _state(row: RowMapping) -> StateRow:
    return StateRow(**{name: row[name] for name in StateRow.__struct_fields__})


def _parameters(row: TokenRow) -> dict[str, Any]:
    values = msgspec.structs.asdict(row)
    values["row_id"] = values.pop("id")
    return values


_CHANGED = [name for name in TokenRow.__struct_fields__ if name != "id"]
_UPDATE = (
    update(tokens)
    .where(tokens.c.id == bindparam("row_id"))
    .values({name: bindparam(name) for name in _CHANGED})
)
_ERASE = delete(tokens).where(tokens.c.id == bindparam("row_id"))
