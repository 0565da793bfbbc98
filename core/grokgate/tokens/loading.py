"""Reads every stored token at the start; a million of them in one go.

1. The states are read and decoded, in portions, while nothing but the finished ones is kept.
2. Then the tokens: each is unsealed and takes its state out of the pile.
3. What is left is put in order, in memory: the database would sort sealed bytes along with it.

Decoding runs in a thread, so that signals are heard meanwhile.
"""

from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from operator import attrgetter

import anyio.to_thread

from grokgate.errors import StateError
from grokgate.storage import Database, Transaction
from grokgate.storage.ledger import read_states
from grokgate.storage.tokens import TokenRow, read_tokens
from grokgate.tokens.garbage import collector_paused
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.tokens.rows import to_record, to_states
from grokgate.vault import Vault


async def load_records(database: Database, vault: Vault) -> list[TokenRecord]:
    """Return every token, deleted ones included, oldest first.

    Raises:
        StateError: A row is damaged, missing, or was sealed with another key.
        StoreUnavailable: The database cannot be read now.
    """
    with collector_paused():
        async with database.read() as connection:
            states = await _states(connection)
            records = await _records(connection, states, vault)
        records.sort(key=attrgetter("created_at_ms", "id"))
    return records


async def _states(connection: Transaction) -> dict[str, TokenState]:
    states: dict[str, TokenState] = {}
    async with aclosing(read_states(connection)) as portions:
        async for rows in portions:
            for state in await anyio.to_thread.run_sync(to_states, rows):
                states[state.id] = state
    return states


async def _records(
    connection: Transaction, states: dict[str, TokenState], vault: Vault
) -> list[TokenRecord]:
    records: list[TokenRecord] = []
    opened = partial(opened_records, states=states, vault=vault)
    async with aclosing(read_tokens(connection)) as portions:
        async for rows in portions:
            records += await anyio.to_thread.run_sync(opened, rows)
    return records


def opened_records(
    rows: Sequence[TokenRow], *, states: dict[str, TokenState], vault: Vault
) -> list[TokenRecord]:
    """Unseal *rows*, and join each with its state, which is taken out of *states*.

    Raises:
        StateError: A row is damaged or its state is missing.
    """
    try:
        return [to_record(row, states.pop(row.id), vault) for row in rows]
    except KeyError as error:
        message = f"The state of the token {error} is lost. Restore the database from a backup."
        raise StateError(message) from error
