"""Reads again what other processes have committed of the tokens."""

from collections.abc import Collection, Mapping
from functools import partial

import anyio.to_thread
from msgspec import Struct

from grokgate.bus import Ids
from grokgate.storage import Database, Transaction
from grokgate.storage import tokens as queries
from grokgate.storage.ledger import find_states
from grokgate.tokens.loading import opened_records
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.tokens.rows import to_states
from grokgate.vault import Vault


class News(Struct, frozen=True, kw_only=True):
    """What is different from what was known."""

    records: list[TokenRecord] = []
    """New and edited ones, and those that were deleted."""
    states: Collection[TokenState] = ()
    """Of tokens that were asked for by their ids and have not been edited."""
    gone: Collection[str] = ()
    """Ids of those that were erased."""


async def read_news(
    database: Database, vault: Vault, known: Mapping[str, TokenRecord], ids: Ids
) -> News:
    """Compare the database with what is known.

    Args:
        database: Where the tokens lie.
        vault: Unseals them.
        known: What is known, by id; all of it, or those of *ids* that are known.
        ids: Those to be compared, states too; None: all, by their revisions alone.

    Raises:
        StateError: A row is damaged.
        StoreUnavailable: It cannot be read now.
    """
    async with database.read() as connection:
        if ids is None:
            stored = await queries.read_revisions(connection)
        else:
            stored = await queries.find_revisions(connection, ids)
        changed = {
            token
            for token, revision in stored.items()
            if token not in known or known[token].revision != revision
        }
        rows = await queries.find_tokens(connection, changed)
        states = await states_of(connection, changed if ids is None else stored.keys())
    opened = partial(opened_records, rows, states=states, vault=vault)
    records = await anyio.to_thread.run_sync(opened)
    return News(
        records=records, states=states.values(), gone=[one for one in known if one not in stored]
    )


async def states_of(connection: Transaction, ids: Collection[str]) -> dict[str, TokenState]:
    """Return the stored states of those of *ids* that there are."""
    states: dict[str, TokenState] = {}
    for state in to_states(await find_states(connection, ids)):
        states[state.id] = state
    return states
