import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import CapturingLogger

from core.objects.keeping import Keeper, count_rows
from grokgate.errors import StoreUnavailable
from grokgate.objects import ObjectStore, PluginObjects, Replies, Reply, Reservation
from grokgate.storage import Database, open_database
from grokgate.testing.clock import FakeClock
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio

LARGE = bytes(range(256)) * (4 << 10)
"""A mebibyte: sealed and unsealed in a thread."""


@pytest.mark.parametrize("value", [b"", b"\x00text", LARGE], ids=["empty", "small", "large"])
async def test_value_comes_back(objects: PluginObjects, keep: Keeper, value: bytes) -> None:
    await keep("a", value)

    assert await objects.get("a", owner="k1") == value


async def test_second_value_replaces_the_first(objects: PluginObjects, keep: Keeper) -> None:
    await keep("a", b"first")
    await keep("a", b"second")

    assert await objects.get("a", owner="k1") == b"second"


async def test_another_owner_reads_deletes_and_touches_nothing(
    objects: PluginObjects, keep: Keeper, clock: FakeClock
) -> None:
    await keep("a", b"mine")
    later = clock.now() + timedelta(days=1)
    await objects.touch(["a"], owner="k2", expires_at=later)

    assert await objects.get("a", owner="k2") is None
    assert not await objects.delete("a", owner="k2")
    assert await objects.get("a", owner="k1") == b"mine"


async def test_owners_keep_different_values_under_one_key(
    objects: PluginObjects, keep: Keeper
) -> None:
    await keep("a", b"mine", owner="k1")
    await keep("a", b"theirs", owner="k2")

    assert await objects.get("a", owner="k1") == b"mine"


async def test_another_plugin_sees_nothing(store: ObjectStore, keep: Keeper) -> None:
    await keep("a")

    assert await store.for_plugin("other").get("a", owner="k1") is None


async def test_deleted_object_is_gone(objects: PluginObjects, keep: Keeper) -> None:
    await keep("a")

    assert await objects.delete("a", owner="k1")
    assert await objects.get("a", owner="k1") is None
    assert not await objects.delete("a", owner="k1")


async def test_objects_survive_the_process(path: Path, clock: FakeClock) -> None:
    def opened(database: Database) -> PluginObjects:
        store = ObjectStore(database, Vault(bytes(32)), clock, log=CapturingLogger())
        return store.for_plugin("notes")

    async with open_database(path) as database:
        await Keeper(opened(database), clock)("a", b"kept")

    async with open_database(path) as database:
        assert await opened(database).get("a", owner="k1") == b"kept"


async def test_value_that_cannot_be_written_costs_no_other(
    objects: PluginObjects, keep: Keeper, database: Database
) -> None:
    await keep("a", b"first")
    await keep("b")
    async with database.write() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar()
        await connection.execute(text(f"PRAGMA max_page_count={pages}"))

    with pytest.raises(StoreUnavailable):
        await keep("a", LARGE, most_bytes=len(LARGE))
    assert await objects.get("a", owner="k1") == b"first"
    assert await keep.there("b") == "b"


async def test_what_was_put_is_committed_when_put_returns(keep: Keeper, path: Path) -> None:
    await keep("a")

    other = sqlite3.connect(path)
    found = other.execute("SELECT size FROM objects JOIN object_values USING (identity)").fetchall()
    other.close()
    assert found == [(10,)]


async def test_neither_key_nor_value_is_readable_on_disk(
    keep: Keeper, database: Database, path: Path
) -> None:
    await keep("resp-of-anna", b"forty-two")
    await database.aclose()
    stored = b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert b"resp-of-anna" not in stored
    assert b"forty-two" not in stored


async def test_removed_key_takes_its_objects_of_all_plugins_and_its_replies(
    store: ObjectStore, keep: Keeper, database: Database, clock: FakeClock
) -> None:
    await keep("a")
    await keep("a", owner="k2")
    other = store.for_plugin("other")
    await other.put("b", b"", owner="k1", expires_at=clock.now() + timedelta(minutes=1))
    replies = Replies(database, Vault(bytes(32)), clock)
    reservation = await replies.reserve("k1", "order-1", request="a")
    assert isinstance(reservation, Reservation)
    await replies.complete(reservation, Reply(status=200, content_type="text/plain", body=b""))
    await store.delete_owner("k1")

    assert await keep.there("a", owner="k2") == "a"
    assert [await count_rows(database, table) for table in ("objects", "object_values")] == [1, 1]
    assert await count_rows(database, "idempotent_replies") == 0


async def test_client_brings_back_what_was_sealed_for_it(objects: PluginObjects) -> None:
    text = objects.seal(b"thoughts", owner="k1")

    assert objects.unseal(text, owner="k1") == b"thoughts"
    assert set(text).isdisjoint("+/=")


@pytest.mark.parametrize("change", ["owner", "plugin", "installation"])
async def test_what_was_sealed_elsewhere_does_not_open(
    objects: PluginObjects, database: Database, clock: FakeClock, change: str
) -> None:
    master = bytes([change == "installation"]) * 32
    there = ObjectStore(database, Vault(master), clock, log=CapturingLogger())
    plugin = there.for_plugin("other" if change == "plugin" else "notes")
    text = plugin.seal(b"thoughts", owner="k2" if change == "owner" else "k1")

    assert objects.unseal(text, owner="k1") is None


@pytest.mark.parametrize("text", ["", "x", "AAAA", "no base64!", "ä" * 40, "A" * 200])
async def test_what_was_never_sealed_does_not_open(objects: PluginObjects, text: str) -> None:
    assert objects.unseal(text, owner="k1") is None
