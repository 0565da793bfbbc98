"""All pooled accounts in memory, as the database holds them; every edit is committed first."""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Final, TypeAlias

import anyio
import anyio.to_thread
from msgspec.structs import replace

from grokgate.bus import Bus, Ids, LocalBus
from grokgate.errors import Conflict
from grokgate.storage import Database, Transaction, ledger, listing
from grokgate.storage import tokens as queries
from grokgate.storage.acting import acting
from grokgate.storage.batch import ROWS
from grokgate.storage.meta import bind_vault
from grokgate.tokens.following import read_news, states_of
from grokgate.tokens.loading import load_records
from grokgate.tokens.merging import merged
from grokgate.tokens.planning import Edit
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.tokens.rows import (
    to_listing_row,
    to_state_listing,
    to_state_row,
    to_token_row,
)
from grokgate.tokens.switching import as_operator_wants
from grokgate.vault import Vault

TOPIC: Final = "tokens"
Listener: TypeAlias = Callable[[Sequence[TokenRecord]], Awaitable[None]]
"""Told of edited tokens after their commit; a deleted one carries ``deleted_at_ms``."""
Baseline: TypeAlias = Callable[[Sequence[TokenRecord]], None]
"""Told of tokens that are about to be edited, as they are stored until then."""
_TELLING_S: Final = 60.0
"""Longest time for all listeners to one edit."""


class TokenBook:
    """Holds the records; `grokgate.tokens.store` decides what changes in them.

    Operators edit records, the scheduler's home writes states; the two never overwrite each other's
    fields. Edits take turns (`_turn`). Where other processes share the database, each edit begins
    with a look at what they did, and is refused when they were faster after all.

    Args:
        database: Where the tokens lie.
        vault: Seals credentials; must be the one this database was made with.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._live: dict[str, TokenRecord] = {}
        self._deleted: dict[str, TokenRecord] = {}
        self._listeners: list[Listener] = []
        self._followers: list[Listener] = []
        self._baselines: list[Baseline] = []
        self._bus: Bus = LocalBus()
        self._editing = anyio.Lock()

    @property
    def records(self) -> Mapping[str, TokenRecord]:
        """Tokens by id without deleted ones, always current; a view, not a copy."""
        return MappingProxyType(self._live)

    @property
    def deleted(self) -> Mapping[str, TokenRecord]:
        """Tokens that can be restored; a view, not a copy."""
        return MappingProxyType(self._deleted)

    async def load(self) -> None:
        """Read every token from the database; call it once, before anything else.

        Raises:
            StateError: A record is damaged, or was sealed with another key.
        """
        async with self._database.write() as connection:
            await bind_vault(connection, self._vault)
        for record in await load_records(self._database, self._vault):
            self._keep(record)
        await self._list_missing()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have *listener* told of every edit; the result ends that, and may be called twice.

        Listeners run one after the other, in the order of the edits, before the edit returns, and
        even if it is cancelled then. They must not edit. What one raises reaches the caller of the
        edit, which stays committed.
        """
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def subscribe_followed(self, listener: Listener) -> None:
        """Have *listener* told of what other processes did; else as `subscribe` says.

        The ledger that all share has been told by the process that edited. An erased token carries
        ``deleted_at_ms``, as a deleted one does.
        """
        self._followers.append(listener)

    def subscribe_baseline(self, baseline: Baseline) -> None:
        """Have *baseline* told before each edit, where other processes share the database.

        It is told within the transaction, for which all processes wait, so it does not wait for
        anything itself. What it raises undoes the edit and reaches the caller.
        """
        self._baselines.append(baseline)

    def join(self, bus: Bus) -> None:
        """Tell other processes of edits, and follow theirs; call it before the bus runs."""
        self._bus = bus
        bus.subscribe(TOPIC, self._follow)

    async def write_states(self, states: Sequence[TokenState]) -> None:
        """Commit what calls changed, in one transaction; then `records` shows it.

        For the scheduler's home. Only operators disable and enable: a state that was on its way
        while one did so keeps its numbers and loses its status. Erased tokens are passed over.

        Raises:
            StoreUnavailable: Nothing was written; the same states may be sent again.
        """
        # What calls changed, no operator did.
        with acting(None):
            async with self._database.write() as connection:
                due = await self._due(connection, states)
                await ledger.write_states(connection, [to_state_row(state) for state in due])
                await listing.update_listed_states(
                    connection, [to_state_listing(state) for state in due]
                )
        for state in due:
            self._put_state(state)

    async def _due(self, connection: Transaction, states: Sequence[TokenState]) -> list[TokenState]:
        """Return *states* as they are to be written."""
        merge = merged if self._database.shared else as_operator_wants
        current = await self._current_states(connection, [state.id for state in states])
        return [merge(state, current[state.id]) for state in states if state.id in current]

    async def _current_states(
        self, connection: Transaction, ids: Collection[str]
    ) -> Mapping[str, TokenState]:
        """Return the states of those of *ids* that there are: by memory, unless that may lag."""
        if self._database.shared:
            return await states_of(connection, ids)
        return {token: record.state for token in ids if (record := self._find(token))}

    @asynccontextmanager
    async def _turn(self, ids: Collection[str] | None = None) -> AsyncIterator[None]:
        """Take the turn to edit; what other processes did until now is known then.

        Args:
            ids: Of the tokens that are looked at; None: any.
        """
        async with self._editing:
            if self._database.shared:
                await self._catch_up(None if ids is None else frozenset(ids))
            yield

    async def _follow(self, ids: Ids) -> None:
        async with self._editing:
            await self._catch_up(ids)

    async def _catch_up(self, ids: Ids) -> None:
        """Read what other processes committed, and tell; needs ``_editing``."""
        wanted = [*self._live, *self._deleted] if ids is None else ids
        known = {token: record for token in wanted if (record := self._find(token))}
        news = await read_news(self._database, self._vault, known, ids)
        erased = [self._erased(token) for token in news.gone]
        for record in news.records:
            self._keep(record)
        for state in news.states:
            self._put_state(state)
        if told := [*news.records, *erased]:
            await self._tell(self._followers, told)

    def _erased(self, token: str) -> TokenRecord:
        """Forget a token; return it as a deleted one."""
        record = self._live.pop(token, None) or self._deleted.pop(token)
        return replace(record, deleted_at_ms=record.deleted_at_ms or 0)

    async def _tell(self, listeners: Sequence[Listener], records: Sequence[TokenRecord]) -> None:
        # Whoever asked may have gone, yet the scheduler must hear of what is committed.
        with anyio.fail_after(_TELLING_S, shield=True):
            for listener in tuple(listeners):
                await listener(records)

    async def _commit(self, edits: Sequence[Edit]) -> None:
        """Write edits in one transaction, keep them, tell everybody; needs the `_turn`.

        Raises:
            Conflict: Another process has changed one of the tokens just now.
        """
        if not edits:
            return
        rows = await anyio.to_thread.run_sync(self._sealed, [edit.record for edit in edits])
        async with self._database.write() as connection:
            await self._heed_others(connection, edits)
            records: list[TokenRecord] = []
            for start in range(0, len(edits), ROWS):
                portion = slice(start, start + ROWS)
                records += await self._write(connection, edits[portion], rows[portion])
        for record in records:
            self._keep(record)
        self._bus.publish(TOPIC, [record.id for record in records])
        await self._tell(self._listeners, records)

    async def _heed_others(self, connection: Transaction, edits: Sequence[Edit]) -> None:
        """Make sure that edits are made of what other processes left, and known to be."""
        if not self._database.shared:
            return
        ids = [edit.record.id for edit in edits]
        known = {token: record.revision for token in ids if (record := self._find(token))}
        if await queries.find_revisions(connection, ids) != known:
            message = "The accounts were changed meanwhile. Try it again."
            raise Conflict(message, code="revision_conflict")
        for state in (await states_of(connection, ids)).values():
            self._put_state(state)
        # A home takes for the operator's doing whatever is different from what it was told before.
        known_records = [self._live[one] for one in ids if one in self._live]
        for baseline in self._baselines:
            baseline(known_records)

    async def _write(
        self, connection: Transaction, edits: Sequence[Edit], rows: Sequence[queries.TokenRow]
    ) -> list[TokenRecord]:
        """Write some edits and their sealed rows; return the records as they are to be kept."""
        # Only now, so that no state is lost that was written while we sealed.
        records = [self._with_state(edit) for edit in edits]
        changes = list(zip(edits, rows, records, strict=True))
        await queries.insert_tokens(
            connection,
            [row for edit, row, _ in changes if edit.new],
            [to_state_row(record.state) for edit, _, record in changes if edit.new],
        )
        await listing.insert_listing(
            connection, [to_listing_row(record) for edit, _, record in changes if edit.new]
        )
        await queries.update_tokens(connection, [row for edit, row, _ in changes if not edit.new])
        await listing.update_listing(
            connection, [to_listing_row(record) for edit, _, record in changes if not edit.new]
        )
        changed = [
            to_state_row(record.state)
            for edit, _, record in changes
            if edit.change_state and not edit.new
        ]
        await ledger.write_states(connection, changed)
        return records

    def _sealed(self, records: Iterable[TokenRecord]) -> list[queries.TokenRow]:
        return [to_token_row(record, self._vault) for record in records]

    def _with_state(self, edit: Edit) -> TokenRecord:
        current = self._find(edit.record.id)
        state = current.state if current else edit.record.state
        return replace(edit.record, state=edit.change_state(state) if edit.change_state else state)

    def _find(self, token_id: str) -> TokenRecord | None:
        return self._live.get(token_id) or self._deleted.get(token_id)

    def _keep(self, record: TokenRecord) -> None:
        home, other = self._live, self._deleted
        if record.deleted_at_ms is not None:
            home, other = other, home
        other.pop(record.id, None)
        home[record.id] = record

    def _put_state(self, state: TokenState) -> None:
        record = self._find(state.id)
        if record:
            self._keep(replace(record, state=state))

    async def _list_missing(self) -> None:
        """Add rows to the listing for tokens of a program that had none."""
        async with self._database.read() as connection:
            missing = await listing.unlisted(connection)
        for start in range(0, len(missing), ROWS):
            found = [self._find(token) for token in missing[start : start + ROWS]]
            rows = [to_listing_row(record) for record in found if record]
            async with self._database.write() as connection:
                await listing.insert_listing(connection, rows)
