import gc
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial

import anyio
import pytest
from msgspec.structs import replace

from grokgate.errors import StateError, StoreUnavailable
from grokgate.storage import Database
from grokgate.testing.clock import FakeClock
from grokgate.tokens import Bucket, TokenRecord, TokenState, TokenStore
from grokgate.upstream import UpstreamSpec
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio


class Reopen:
    """Loads the same database into a new store."""

    def __init__(
        self, database: Database, vault: Vault, specs: dict[str, UpstreamSpec], clock: FakeClock
    ) -> None:
        self._parts = database, vault, specs, clock

    async def __call__(self) -> TokenStore:
        store = TokenStore(*self._parts)
        await store.load()
        return store


@pytest.fixture
def reopen(
    database: Database, vault: Vault, specs: dict[str, UpstreamSpec], clock: FakeClock
) -> Reopen:
    return Reopen(database, vault, specs, clock)


async def test_records_survive_a_restart_whole(store: TokenStore, reopen: Reopen) -> None:
    text = '[{"token": "a", "tags": ["x"], "note": "n", "odd": [1], "proxy_url": "http://p:1"}]'
    await store.import_text(text)

    assert (await reopen()).records == store.records


async def test_states_survive_a_restart(store: TokenStore, reopen: Reopen) -> None:
    (token_id,) = (await store.import_text("token-aa")).added
    state = TokenState(
        id=token_id,
        status="cooling",
        buckets={"default": Bucket(remaining=0, total=80, reset_at_ms=5, source="real")},
        cooldown_until_ms=7,
        use_count=3,
        kept={"driver": "note"},
    )
    await store.write_states([state])

    assert store.records[token_id].state == state
    assert (await reopen()).records[token_id].state == state


async def test_states_of_unknown_tokens_are_passed_over(store: TokenStore) -> None:
    await store.write_states([TokenState(id="tok_gone")])

    assert store.records == {}


async def test_late_state_does_not_undo_a_disable(store: TokenStore, reopen: Reopen) -> None:
    (token_id,) = (await store.import_text("token-aa")).added
    late = replace(store.records[token_id].state, use_count=1)
    await store.set_enabled([token_id], enabled=False)
    await store.write_states([late])

    state = (await reopen()).records[token_id].state
    assert (state.status, state.use_count) == ("disabled", 1)


async def test_late_state_does_not_undo_an_enable(store: TokenStore) -> None:
    (token_id,) = (await store.import_text("token-aa")).added
    await store.set_enabled([token_id], enabled=False)
    late = store.records[token_id].state
    await store.set_enabled([token_id], enabled=True)
    await store.write_states([late])

    assert store.records[token_id].state.status == "active"


async def test_enabling_forgets_failures(store: TokenStore) -> None:
    (token_id,) = (await store.import_text("token-aa")).added
    cooled = TokenState(id=token_id, status="cooling", fail_count=3, cooldown_until_ms=9)
    await store.write_states([cooled])
    await store.set_enabled([token_id], enabled=True)

    assert store.records[token_id].state == TokenState(id=token_id)


async def test_enabling_brings_an_expired_token_back(store: TokenStore, reopen: Reopen) -> None:
    (token_id,) = (await store.import_text("token-aa")).added
    await store.write_states([TokenState(id=token_id, status="expired", state_reason="dead")])

    assert await store.set_enabled([token_id], enabled=True) == [token_id]
    assert (await reopen()).records[token_id].state == TokenState(id=token_id)


async def test_edit_keeps_a_state_that_was_written_meanwhile(store: TokenStore) -> None:
    (token_id,) = (await store.import_text("token-aa")).added
    text = '[{"token": "token-aa", "note": "n", "fail_count": 2}]'
    used = replace(store.records[token_id].state, use_count=5)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(store.import_text, text, mode="update"))
        tasks.start_soon(store.write_states, [used])

    state = store.records[token_id].state
    assert (state.use_count, state.fail_count) == (5, 2)


async def test_deleted_token_is_hidden_and_can_be_restored(
    store: TokenStore, reopen: Reopen
) -> None:
    (token_id,) = (await store.import_text("token-aa")).added
    await store.delete([token_id, "tok_unknown"])
    hidden = dict((await reopen()).records)
    restored = await store.restore([token_id])

    assert (hidden, restored) == ({}, [token_id])
    assert store.records[token_id].deleted_at_ms is None


async def test_old_deleted_tokens_are_erased(
    store: TokenStore, clock: FakeClock, reopen: Reopen
) -> None:
    old, young = (await store.import_text("token-aa\ntoken-bb")).added
    await store.delete([old])
    clock.advance(100)
    await store.delete([young])
    erased = await store.erase_deleted(before_ms=int(clock.now().timestamp() * 1000))

    assert erased == 1
    assert await (await reopen()).restore([old, young]) == [young]


async def test_listeners_hear_of_edits_after_the_commit(store: TokenStore, reopen: Reopen) -> None:
    heard: list[tuple[list[str], int]] = []

    async def listen(records: Sequence[TokenRecord]) -> None:
        known = (await reopen()).records
        heard.append(([record.id for record in records], len(known)))

    end = store.subscribe(listen)
    (token_id,) = (await store.import_text("token-aa")).added
    await store.delete([token_id])
    end()
    end()
    await store.restore([token_id])

    assert heard == [([token_id], 1), ([token_id], 0)]


async def test_listing_is_masked_and_filtered(store: TokenStore) -> None:
    credential = "CANARY-0123456789-0123456789-abcdef"
    await store.import_text(f"super: {credential}\nshort-one")
    view = store.listing(pool="ssoSuper")[0]

    assert (view.masked, view.routed) == ("…abcdef", True)
    assert "CANARY" not in repr(store.listing())
    assert store.listing(status="expired") == []


async def test_no_secret_is_in_the_database_files(store: TokenStore, database: Database) -> None:
    record = '{"token": "CANARY1", "odd": "CANARY2", "proxy_url": "http://u:CANARY3@h"}'
    await store.import_text(f"[{record}]")

    content = [file.read_bytes() for file in database.path.parent.glob("grokgate.db*")]
    assert len(content) >= 2
    assert not any(b"CANARY" in part for part in content)


async def test_failed_write_changes_nothing(store: TokenStore, database: Database) -> None:
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            await store.import_text("token-aa")
    assert store.records == {}

    assert len((await store.import_text("token-aa")).added) == 1


async def test_database_of_another_key_stops_the_start(
    store: TokenStore, database: Database, specs: dict[str, UpstreamSpec], clock: FakeClock
) -> None:
    await store.import_text("token-aa")

    with pytest.raises(StateError, match="does not belong"):
        await TokenStore(database, Vault(b"\x01" * 32), specs, clock).load()


@pytest.mark.parametrize("column", ["tags", "sealed"])
async def test_damaged_record_stops_the_start(
    store: TokenStore, database: Database, reopen: Reopen, column: str
) -> None:
    await store.import_text("token-aa")
    with closing(sqlite3.connect(database.path)) as other, other:
        other.execute(f"UPDATE tokens SET {column} = x'00'")

    with pytest.raises(StateError, match="damaged"):
        await reopen()


@pytest.mark.parametrize("change", ["buckets = x'00'", "kept = x'00'", "status = 'happy'"])
async def test_damaged_state_stops_the_start(
    store: TokenStore, database: Database, reopen: Reopen, change: str
) -> None:
    await store.import_text("token-aa")
    with closing(sqlite3.connect(database.path)) as other, other:
        other.execute(f"UPDATE token_states SET {change}")

    with pytest.raises(StateError, match="is damaged"):
        await reopen()


async def test_lost_state_stops_the_start(
    store: TokenStore, database: Database, reopen: Reopen
) -> None:
    await store.import_text("token-aa")
    with closing(sqlite3.connect(database.path)) as other, other:
        other.execute("DELETE FROM token_states")

    with pytest.raises(StateError, match="is lost"):
        await reopen()


async def test_tokens_are_loaded_oldest_first(
    store: TokenStore, reopen: Reopen, clock: FakeClock
) -> None:
    ids: list[str] = []
    for credential in ("token-cc", "token-aa", "token-bb"):
        ids += (await store.import_text(credential)).added
        clock.advance(1)

    assert [*(await reopen()).records] == ids


async def test_a_damaged_start_leaves_the_garbage_collector_on(
    store: TokenStore, database: Database, reopen: Reopen
) -> None:
    await store.import_text("token-aa")
    with closing(sqlite3.connect(database.path)) as other, other:
        other.execute("DELETE FROM token_states")

    with pytest.raises(StateError):
        await reopen()

    assert gc.isenabled()


async def test_sealed_bytes_of_another_record_stop_the_start(
    store: TokenStore, database: Database, reopen: Reopen
) -> None:
    await store.import_text("token-aa\ntoken-bb")
    with closing(sqlite3.connect(database.path)) as other, other:
        other.execute("UPDATE tokens SET sealed = (SELECT sealed FROM tokens LIMIT 1)")

    with pytest.raises(StateError, match="damaged"):
        await reopen()


async def test_same_token_in_imports_at_once_is_added_once(store: TokenStore) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(store.import_text, "token-aa\ntoken-bb")

    assert len(store.records) == 2


async def test_ten_thousand_tokens_are_imported_and_loaded_in_seconds(
    store: TokenStore, reopen: Reopen
) -> None:
    started = time.perf_counter()
    report = await store.import_text("\n".join(f"token-{number:05}" for number in range(10_000)))
    again = await reopen()

    assert len(report.added) == len(again.records) == 10_000
    assert time.perf_counter() - started < 10


async def test_batch_of_states_is_written_fast(store: TokenStore) -> None:
    await store.import_text("\n".join(f"token-{number:05}" for number in range(2_000)))
    states = [replace(record.state, use_count=1) for record in store.records.values()]
    started = time.perf_counter()
    await store.write_states(states)

    assert time.perf_counter() - started < 2


async def test_listener_is_told_of_a_cancelled_edit_that_was_committed(store: TokenStore) -> None:
    told: list[str] = []
    scope = anyio.CancelScope()

    async def cancel(_records: Sequence[TokenRecord]) -> None:
        scope.cancel()

    async def note(records: Sequence[TokenRecord]) -> None:
        await anyio.lowlevel.checkpoint()
        told.extend(record.id for record in records)

    store.subscribe(cancel)
    store.subscribe(note)
    with scope:
        await store.import_text("token-aa")

    assert told == list(store.records)
