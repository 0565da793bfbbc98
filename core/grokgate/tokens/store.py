"""Keeps the pooled accounts: all of them in memory, every edit committed before it counts."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final, TypeAlias

import anyio
import anyio.to_thread
from msgspec.structs import replace

from grokgate.storage import Database, Transaction, ledger
from grokgate.storage import tokens as queries
from grokgate.storage.batch import ROWS
from grokgate.storage.meta import bind_vault
from grokgate.tokens import importing
from grokgate.tokens.exporting import ExportForm, export_tokens
from grokgate.tokens.importing import Edit, ImportMode, ImportReport
from grokgate.tokens.listing import TokenView, list_tokens, to_view
from grokgate.tokens.loading import load_records
from grokgate.tokens.pools import AUTO, Pools
from grokgate.tokens.record import Status, TokenRecord, TokenState
from grokgate.tokens.rows import to_state_row, to_token_row
from grokgate.upstream import Clock, UpstreamSpec
from grokgate.vault import Vault

Listener: TypeAlias = Callable[[Sequence[TokenRecord]], Awaitable[None]]
"""Told of edited tokens after their commit; a deleted one carries ``deleted_at_ms``."""
_TELLING_S: Final = 60.0
"""Longest time for all listeners to one edit."""


class TokenStore:
    """Reads, edits and hands out token records.

    Operators edit records, the scheduler's home writes states; the two never overwrite each other's
    fields. Methods may be called from several tasks; edits take turns. Reading needs no await.

    Args:
        database: Where the tokens lie.
        vault: Seals credentials; must be the one this database was made with.
        specs: Loaded upstreams by id; they name the pools and clean pasted text.
        clock: For creation and deletion times.
    """

    def __init__(
        self, database: Database, vault: Vault, specs: Mapping[str, UpstreamSpec], clock: Clock
    ) -> None:
        self._database = database
        self._vault = vault
        self._specs = specs
        self._pools = Pools(specs)
        self._clock = clock
        self._live: dict[str, TokenRecord] = {}
        self._deleted: dict[str, TokenRecord] = {}
        self._listeners: list[Listener] = []
        self._editing = anyio.Lock()

    @property
    def records(self) -> Mapping[str, TokenRecord]:
        """Tokens by id without deleted ones, always current; a view, not a copy."""
        return MappingProxyType(self._live)

    async def load(self) -> None:
        """Read every token from the database; call it once, before anything else.

        Raises:
            StateError: A record is damaged, or was sealed with another key.
        """
        async with self._database.write() as connection:
            await bind_vault(connection, self._vault)
        for record in await load_records(self._database, self._vault):
            self._keep(record)

    def listing(self, *, pool: str | None = None, status: Status | None = None) -> list[TokenView]:
        """Return the rows of a table, masked; of one pool or status, or all."""
        return list_tokens(self._live.values(), self._pools, pool=pool, status=status)

    def view(self, token: str, state: TokenState | None = None) -> TokenView | None:
        """Return the row of one token, masked; None: there is none.

        Args:
            token: Short id.
            state: As it is now; None: as it was last written.
        """
        record = self._live.get(token)
        if record is None:
            return None
        return to_view(replace(record, state=state) if state else record, self._pools)

    def export(self, form: ExportForm, *, ids: Collection[str] | None = None) -> str:
        """Return tokens with their credentials in the clear; *ids* None: all but deleted ones."""
        chosen = [record for record in list(self._live.values()) if ids is None or record.id in ids]
        return export_tokens(chosen, form, self._pools)

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

    async def import_text(
        self, text: str | bytes, *, pool: str | None = None, mode: ImportMode = "add"
    ) -> ImportReport:
        """Take in the tokens of *text*, in any form of F-MIG-01; all of the usable ones or none.

        Args:
            text: A file, or what was pasted.
            pool: For entries that name none; None: the default pool.
            mode: What happens to tokens that are there already.

        Raises:
            ValueError: No upstream declares *pool*; nothing was changed.
            StoreUnavailable: Nothing was changed.
        """
        prepare = partial(importing.prepare, text, pool=pool, specs=self._specs, vault=self._vault)
        prepared = await anyio.to_thread.run_sync(prepare)
        async with self._editing:
            plan = partial(
                importing.plan,
                prepared,
                self._live | self._deleted,
                mode=mode,
                now_ms=self._now_ms(),
            )
            edits, report = await anyio.to_thread.run_sync(plan)
            await self._commit(edits)
        return report

    async def set_enabled(self, ids: Collection[str], *, enabled: bool) -> list[str]:
        """Disable tokens, or make them active whatever they were; return the ids that were found.

        Making active ends a cool-down and forgets failures.
        """
        change = _activated if enabled else _disabled
        async with self._editing:
            found = _chosen(self._live, ids)
            await self._commit(
                [Edit(record=_revised(record), change_state=change) for record in found]
            )
        return [record.id for record in found]

    async def assign_pool(self, token: str, pool: str, /) -> bool:
        """Give a token of the pool ``auto`` its pool; False: it is gone or has one by now."""
        async with self._editing:
            record = self._live.get(token)
            if record is None or record.pool != AUTO:
                return False
            await self._commit([Edit(record=replace(_revised(record), pool=pool))])
        return True

    async def revive(self, token: str, /) -> bool:
        """Make an expired token active; False: it is gone or not expired by now."""
        async with self._editing:
            record = self._live.get(token)
            if record is None or record.state.status != "expired":
                return False
            await self._commit([Edit(record=_revised(record), change_state=_activated)])
        return True

    async def delete(self, ids: Collection[str]) -> list[str]:
        """Hide tokens until they are restored or erased (F-TOK-53); return the ids found."""
        async with self._editing:
            found = _chosen(self._live, ids)
            now_ms = self._now_ms()
            await self._commit([Edit(record=importing.deleted(record, now_ms)) for record in found])
        return [record.id for record in found]

    async def restore(self, ids: Collection[str]) -> list[str]:
        """Bring deleted tokens back with their old data; return the ids found."""
        async with self._editing:
            found = _chosen(self._deleted, ids)
            await self._commit(
                [Edit(record=replace(_revised(record), deleted_at_ms=None)) for record in found]
            )
        return [record.id for record in found]

    async def erase_deleted(self, *, before_ms: int) -> int:
        """Erase for good what was deleted before *before_ms* (Unix ms); return how many."""
        async with self._editing:
            ids = [
                record.id
                for record in self._deleted.values()
                if (record.deleted_at_ms or 0) < before_ms
            ]
            async with self._database.write() as connection:
                await queries.erase_tokens(connection, ids)
            for token_id in ids:
                del self._deleted[token_id]
        return len(ids)

    async def write_states(self, states: Sequence[TokenState]) -> None:
        """Commit what calls changed, in one transaction; then `records` shows it.

        For the scheduler's home. Only operators disable and enable: a state that was on its way
        while one did so keeps its numbers and loses its status. Erased tokens are passed over.

        Raises:
            StoreUnavailable: Nothing was written; the same states may be sent again.
        """
        async with self._database.write() as connection:
            merged = [
                _as_operator_wants(state, record.state)
                for state in states
                if (record := self._find(state.id))
            ]
            await ledger.write_states(connection, [to_state_row(state) for state in merged])
        for state in merged:
            self._put_state(state)

    async def _commit(self, edits: Sequence[Edit]) -> None:
        """Write edits in one transaction, keep them, tell the listeners; needs ``_editing``."""
        if not edits:
            return
        rows = await anyio.to_thread.run_sync(self._sealed, [edit.record for edit in edits])
        async with self._database.write() as connection:
            records: list[TokenRecord] = []
            for start in range(0, len(edits), ROWS):
                portion = slice(start, start + ROWS)
                records += await self._write(connection, edits[portion], rows[portion])
        for record in records:
            self._keep(record)
        # Whoever asked may have gone, yet the scheduler must hear of what is committed.
        with anyio.fail_after(_TELLING_S, shield=True):
            for listener in tuple(self._listeners):
                await listener(records)

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
        await queries.update_tokens(connection, [row for edit, row, _ in changes if not edit.new])
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

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _chosen(records: Mapping[str, TokenRecord], ids: Collection[str]) -> list[TokenRecord]:
    return [records[token_id] for token_id in dict.fromkeys(ids) if token_id in records]


def _revised(record: TokenRecord) -> TokenRecord:
    return replace(record, revision=record.revision + 1)


def _activated(state: TokenState) -> TokenState:
    return replace(
        state,
        status="active",
        state_reason=None,
        cooldown_until_ms=None,
        cooldown_level=0,
        fail_count=0,
        last_fail_reason=None,
    )


def _disabled(state: TokenState) -> TokenState:
    return replace(state, status="disabled", state_reason="operator")


def _as_operator_wants(state: TokenState, current: TokenState) -> TokenState:
    if "disabled" in {state.status, current.status}:
        return replace(state, status=current.status, state_reason=current.state_reason)
    return state
