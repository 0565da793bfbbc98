"""Keeps the pooled accounts: what operators do with them, each edit committed before it counts."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import anyio.to_thread
from msgspec.structs import replace

from grokgate.errors import Conflict, InvalidRequest, ObjectNotFound
from grokgate.storage import Database
from grokgate.storage import tokens as queries
from grokgate.tokens import importing, planning, replacing
from grokgate.tokens.book import TOPIC, Listener, TokenBook
from grokgate.tokens.editing import Change, edited, succeeded
from grokgate.tokens.exporting import ExportForm, export_tokens
from grokgate.tokens.importing import Labels, Prepared
from grokgate.tokens.listing import TokenView, list_tokens, to_view
from grokgate.tokens.planning import Edit, ImportMode, ImportReport, Rules
from grokgate.tokens.pools import AUTO, Pools
from grokgate.tokens.record import Status, TokenRecord, TokenState
from grokgate.tokens.switching import activated, disabled
from grokgate.upstream import Clock, Secret, UpstreamSpec
from grokgate.vault import Vault

__all__ = ["Listener", "TokenStore"]

StateOf: TypeAlias = Callable[[str], TokenState | None]


class TokenStore(TokenBook):
    """Reads, edits and hands out token records.

    Methods may be called from several tasks; edits take turns. Reading needs no await.

    Args:
        database: Where the tokens lie.
        vault: Seals credentials; must be the one this database was made with.
        specs: Loaded upstreams by id; they name the pools and clean pasted text.
        clock: For creation and deletion times.
    """

    def __init__(
        self, database: Database, vault: Vault, specs: Mapping[str, UpstreamSpec], clock: Clock
    ) -> None:
        super().__init__(database, vault)
        self._specs = specs
        self.pools = Pools(specs)
        """All pools there are, by every way to write their names."""
        self._clock = clock

    def find(self, text: str) -> str | None:
        """Return the id of the token that *text* is the id or the credential of, deleted or not."""
        if self._find(text):
            return text
        found = (importing.id_of(text, spec, self._vault) for spec in self._specs.values())
        return next((token for token in found if token and self._find(token)), None)

    async def find_all(self, texts: Collection[str]) -> dict[str, str | None]:
        """Return what `find` does for each of very many, in their order."""

        def search() -> dict[str, str | None]:
            return {text: self.find(text) for text in texts}

        return await anyio.to_thread.run_sync(search)

    def listing(
        self,
        *,
        pool: str | None = None,
        status: Status | None = None,
        state_of: StateOf = lambda _: None,
    ) -> list[TokenView]:
        """Return the rows of a table, masked; of one pool or status, or all.

        Args:
            pool: None: all.
            status: None: all.
            state_of: Returns the state of a token now; None: it is as it was last written.
        """
        records = (
            replace(record, state=state) if (state := state_of(record.id)) else record
            for record in list(self._live.values())
        )
        return list_tokens(records, self.pools, pool=pool, status=status)

    def view(self, token: str, state: TokenState | None = None) -> TokenView | None:
        """Return the row of one token, masked; None: there is none.

        Args:
            token: Short id.
            state: As it is now; None: as it was last written.
        """
        record = self._live.get(token)
        if record is None:
            return None
        return to_view(replace(record, state=state) if state else record, self.pools)

    def export(self, form: ExportForm, *, ids: Collection[str] | None = None) -> str:
        """Return tokens with their credentials in the clear; *ids* None: all but deleted ones."""
        chosen = [record for record in list(self._live.values()) if ids is None or record.id in ids]
        return export_tokens(chosen, form, self.pools)

    async def note_export(self) -> None:
        """Have the audit trail tell of an export, which changes nothing itself (F-CFG-09)."""
        async with self._database.write():
            pass

    async def import_text(
        self,
        text: str | bytes,
        *,
        pool: str | None = None,
        mode: ImportMode = "add",
        labels: Labels | None = None,
        plausible: bool = False,
    ) -> ImportReport:
        """Take in the tokens of *text*, in any form of F-MIG-01; all of the usable ones or none.

        Args:
            text: A file, or what was pasted.
            pool: For entries that name none; None: the default pool.
            mode: What happens to tokens that are there already.
            labels: For all entries.
            plausible: Entries of JSON must look like tokens too, unless they name their upstream;
                lines always must.

        Raises:
            ValueError: No upstream declares *pool*; nothing was changed.
            StoreUnavailable: Nothing was changed.
        """
        prepared = await self._prepared(text, pool, labels, plausible=plausible)
        return await self._carry_out(prepared, planning.rules_of(mode, prepared))

    async def preview_import(
        self,
        text: str | bytes,
        *,
        pool: str | None = None,
        mode: ImportMode = "add",
        plausible: bool = False,
    ) -> ImportReport:
        """Return the report that `import_text` would make now, and change nothing.

        Raises:
            ValueError: No upstream declares *pool*.
        """
        prepared = await self._prepared(text, pool, plausible=plausible)
        rules = planning.rules_of(mode, prepared)
        return (await self._planned(prepared, rules, self._live | self._deleted))[1]

    async def replace_pools(
        self, body: bytes, *, merge: bool = False, allow_empty: bool = False
    ) -> ImportReport | None:
        """Make the pools that *body* names what it says (F-ADM-06).

        Tokens that are not in it are deleted; those that are change only in what operators set and
        the body names; new ones are added. An entry that cannot be read keeps all from deletion.

        Args:
            body: JSON by pool; ids and masks beside ids stand for credentials.
            merge: Delete nothing.
            allow_empty: A body without any token is meant: it deletes those of the pools it names,
                all of them if it names none. Otherwise the result is None, and nothing happens.

        Raises:
            msgspec.DecodeError: Not of this form.
            StoreUnavailable: Nothing was changed.
        """
        read = partial(replacing.read_posted, body, self._live | self._deleted)
        posted = await anyio.to_thread.run_sync(read)
        if not posted.entries and not allow_empty:
            return None
        named = posted.pools or tuple({record.pool for record in self._live.values()})
        prepared = await self._prepared(posted.text)
        rules = replacing.rules_for(prepared, named, self.pools, merge=merge)
        return await self._carry_out(prepared, rules, narrow=replacing.as_edit)

    async def edit(
        self,
        token: str,
        change: Change,
        *,
        revision: int | None = None,
        credential: str | None = None,
    ) -> TokenRecord:
        """Change one token and return it.

        Args:
            token: Short id.
            change: What shall be different.
            revision: Of the record that the operator saw; None: whatever it is by now.
            credential: Takes the place of the present one: the token has another id then, and its
                counters. None: it stays.

        Raises:
            ObjectNotFound: There is no such token.
            Conflict: It has changed meanwhile.
            InvalidRequest: The credential belongs to another token.
            ValueError: The credential cannot be used.
            StoreUnavailable: Nothing was changed.
        """
        async with self._turn([token]):
            record = self._live.get(token)
            if record is None:
                raise ObjectNotFound("There is no such account.", code="not_found")
            if revision not in {None, record.revision}:
                message = "The account was changed meanwhile. Read it again."
                raise Conflict(message, code="revision_conflict")
            edit = edited(record, change)
            edits = [edit] if edit else []
            if credential is not None:
                token, edits = self._renewed(record, edit, credential)
            await self._commit(edits)
        return self._live[token]

    async def edit_many(self, ids: Sequence[str], change: Change) -> list[str]:
        """Change tokens, all in one transaction; return the ids that were found."""
        async with self._turn(ids):
            found = _chosen(self._live, ids)
            edits = (edited(record, change) for record in found)
            await self._commit([edit for edit in edits if edit])
        return [record.id for record in found]

    async def set_enabled(self, ids: Collection[str], *, enabled: bool) -> list[str]:
        """Disable tokens, or make them active whatever they were; return the ids that were found.

        Making active ends a cool-down and forgets failures.
        """
        change = activated if enabled else disabled
        async with self._turn(ids):
            found = _chosen(self._live, ids)
            await self._commit(
                [Edit(record=_revised(record), change_state=change) for record in found]
            )
        return [record.id for record in found]

    async def assign_pool(self, token: str, pool: str, /) -> bool:
        """Give a token of the pool ``auto`` its pool; False: it is gone or has one by now."""
        async with self._turn([token]):
            record = self._live.get(token)
            if record is None or record.pool != AUTO:
                return False
            await self._commit([Edit(record=replace(_revised(record), pool=pool))])
        return True

    async def revive(self, token: str, /) -> bool:
        """Make an expired token active; False: it is gone or not expired by now."""
        async with self._turn([token]):
            record = self._live.get(token)
            if record is None or record.state.status != "expired":
                return False
            await self._commit([Edit(record=_revised(record), change_state=activated)])
        return True

    async def delete(self, ids: Collection[str]) -> list[str]:
        """Hide tokens until they are restored or erased (F-TOK-53); return the ids found."""
        async with self._turn(ids):
            found = _chosen(self._live, ids)
            now_ms = self._now_ms()
            await self._commit([Edit(record=planning.deleted(record, now_ms)) for record in found])
        return [record.id for record in found]

    async def restore(self, ids: Collection[str]) -> list[str]:
        """Bring deleted tokens back with their old data; return the ids found."""
        async with self._turn(ids):
            found = _chosen(self._deleted, ids)
            await self._commit(
                [Edit(record=replace(_revised(record), deleted_at_ms=None)) for record in found]
            )
        return [record.id for record in found]

    async def erase_deleted(self, *, before_ms: int) -> int:
        """Erase for good what was deleted before *before_ms* (Unix ms); return how many."""
        async with self._turn():
            ids = [
                record.id
                for record in self._deleted.values()
                if (record.deleted_at_ms or 0) < before_ms
            ]
            async with self._database.write() as connection:
                await queries.erase_tokens(connection, ids)
            for token_id in ids:
                del self._deleted[token_id]
            self._bus.publish(TOPIC, ids)
        return len(ids)

    async def _prepared(
        self,
        text: str | bytes,
        pool: str | None = None,
        labels: Labels | None = None,
        *,
        plausible: bool = False,
    ) -> Prepared:
        prepare = partial(
            importing.prepare,
            text,
            pool=pool,
            specs=self._specs,
            vault=self._vault,
            labels=labels,
            plausible=plausible,
        )
        return await anyio.to_thread.run_sync(prepare)

    async def _planned(
        self, prepared: Prepared, rules: Rules, known: Mapping[str, TokenRecord]
    ) -> tuple[list[Edit], ImportReport]:
        plan = partial(planning.plan, prepared, known, rules=rules, now_ms=self._now_ms())
        return await anyio.to_thread.run_sync(plan)

    async def _carry_out(
        self,
        prepared: Prepared,
        rules: Rules,
        *,
        narrow: Callable[[Prepared, Mapping[str, TokenRecord]], Prepared] = lambda one, _: one,
    ) -> ImportReport:
        async with self._turn():
            known = self._live | self._deleted
            edits, report = await self._planned(narrow(prepared, known), rules, known)
            await self._commit(edits)
        return report

    def _renewed(
        self, record: TokenRecord, edit: Edit | None, pasted: str
    ) -> tuple[str, list[Edit]]:
        """Return the id that the token has with another credential, and the edits."""
        credential = importing.clean(pasted, self._specs.get(record.upstream))
        token = importing.new_id(credential, record.upstream, self._vault)
        if token == record.id:
            return token, [edit] if edit else []
        if token in self._live:
            message = "Another account has this credential already."
            raise InvalidRequest(message, code="duplicate_key", param="new_token")
        old = self._with_state(edit) if edit else record
        new = replace(old, id=token, credential=Secret(credential))
        return token, succeeded(record, new, self._deleted.get(token), now_ms=self._now_ms())

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _chosen(records: Mapping[str, TokenRecord], ids: Collection[str]) -> list[TokenRecord]:
    return [records[token_id] for token_id in dict.fromkeys(ids) if token_id in records]


def _revised(record: TokenRecord) -> TokenRecord:
    return replace(record, revision=record.revision + 1)
