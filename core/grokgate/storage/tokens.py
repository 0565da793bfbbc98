"""Queries about tokens: what operators entered. States are overwritten by `ledger`."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.batch import execute_many, select_by_id, select_many
from grokgate.storage.ledger import StateRow
from grokgate.storage.tables import token_states, tokens


class TokenRow(Struct, frozen=True, gc=False):
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


def read_tokens(connection: AsyncConnection) -> AsyncGenerator[list[TokenRow], None]:
    """Yield every token, deleted ones included, in portions and no particular order."""
    return select_many(connection, _SELECT, TokenRow)


async def find_tokens(connection: AsyncConnection, ids: Collection[str]) -> list[TokenRow]:
    """Return those of *ids* that there are, in no particular order."""
    return await select_by_id(connection, _SELECT, tokens.c.id, ids, TokenRow)


async def find_revisions(connection: AsyncConnection, ids: Collection[str]) -> dict[str, int]:
    """Return the revisions of those of *ids* that there are."""
    query = select(tokens.c.id, tokens.c.revision)
    return dict(await select_by_id(connection, query, tokens.c.id, ids, _pair))


async def read_revisions(connection: AsyncConnection) -> dict[str, int]:
    """Return the revisions of all tokens, deleted ones included."""
    found: dict[str, int] = {}
    query = select(tokens.c.id, tokens.c.revision)
    async with aclosing(select_many(connection, query, _pair)) as portions:
        async for portion in portions:
            found.update(portion)
    return found


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


def _pair(token_id: str, revision: int) -> tuple[str, int]:
    return token_id, revision


def _parameters(row: TokenRow) -> dict[str, Any]:
    values = msgspec.structs.asdict(row)
    values["row_id"] = values.pop("id")
    return values


# Unsorted: what is sealed would be sorted along with the rest, in a file of the same size.
_SELECT = select(*(tokens.c[name] for name in TokenRow.__struct_fields__))
_CHANGED = [name for name in TokenRow.__struct_fields__ if name != "id"]
_UPDATE = (
    update(tokens)
    .where(tokens.c.id == bindparam("row_id"))
    .values({name: bindparam(name) for name in _CHANGED})
)
_ERASE = delete(tokens).where(tokens.c.id == bindparam("row_id"))
