"""What makes room: expiry, and the limit of bytes that an owner may keep."""

from datetime import timedelta

import anyio
import pytest

from core.objects.keeping import Keeper, count_rows
from grokgate.objects import ObjectStore, PluginObjects
from grokgate.storage import Database
from grokgate.testing.clock import FakeClock

pytestmark = pytest.mark.anyio


async def test_expired_object_reads_like_an_unknown_one(
    objects: PluginObjects, keep: Keeper, clock: FakeClock
) -> None:
    await keep("a", minutes=1)
    clock.advance(59)
    before = await objects.get("a", owner="k1")
    clock.advance(1)

    assert before is not None
    assert await objects.get("a", owner="k1") is None
    assert not await objects.delete("a", owner="k1")


async def test_oldest_objects_make_room(keep: Keeper) -> None:
    for key in "abcd":
        await keep(key, most_bytes=30)

    assert await keep.there("abcd") == "bcd"


async def test_what_fits_exactly_stays(keep: Keeper) -> None:
    for key in "abc":
        await keep(key, most_bytes=30)

    assert await keep.there("abc") == "abc"


async def test_all_older_objects_make_room_for_one_that_does_not_fit(keep: Keeper) -> None:
    await keep("a", most_bytes=30)
    await keep("b", bytes(31), most_bytes=30)

    assert await keep.there("ab") == "b"


async def test_smaller_value_in_place_of_a_larger_one_makes_room_itself(keep: Keeper) -> None:
    await keep("a", bytes(20), most_bytes=30)
    await keep("b", most_bytes=30)
    await keep("a", bytes(20), most_bytes=30)

    assert await keep.there("ab") == "ab"


async def test_replaced_and_touched_objects_are_newest_again(keep: Keeper) -> None:
    for key in "abcd":
        await keep(key)
    await keep("a")
    await keep.touch("b")
    await keep("e", most_bytes=30)

    assert await keep.there("abcde") == "abe"


async def test_order_does_not_follow_a_clock_that_goes_back(keep: Keeper, clock: FakeClock) -> None:
    await keep("a", minutes=120)
    clock.jump(-3600)
    await keep("b", minutes=120)
    await keep("c", minutes=120, most_bytes=20)

    assert await keep.there("abc") == "bc"


async def test_expired_objects_make_room_first(keep: Keeper, clock: FakeClock) -> None:
    await keep("a", minutes=10)
    await keep("b", minutes=1)
    clock.advance(60)
    await keep("c", most_bytes=20)

    assert await keep.there("abc") == "ac"


async def test_other_owners_and_plugins_make_no_room(
    store: ObjectStore, keep: Keeper, clock: FakeClock
) -> None:
    other = store.for_plugin("other")
    await other.put("a", b"0123456789", owner="k1", expires_at=clock.now() + timedelta(minutes=1))
    await keep("a", owner="k2")
    await keep("b", most_bytes=10)

    assert await keep.there("a", owner="k2") == "a"
    assert await other.get("a", owner="k1") is not None


async def test_touch_prolongs_and_never_shortens(keep: Keeper, clock: FakeClock) -> None:
    await keep("a", minutes=1)
    await keep("b", minutes=10)
    await keep.touch("a", "b", "unknown", minutes=5)
    clock.advance(4 * 60)
    first = await keep.there("ab")
    clock.advance(5 * 60)

    assert first == "ab"
    assert await keep.there("ab") == "b"


async def test_touch_does_not_bring_back_what_has_expired(keep: Keeper, clock: FakeClock) -> None:
    await keep("a")
    clock.advance(60)
    await keep.touch("a", minutes=5)

    assert await keep.there("a") == ""


async def test_touching_nothing_is_no_error(keep: Keeper) -> None:
    await keep("a")
    await keep.touch()

    assert await keep.there("a") == "a"


async def test_each_put_removes_some_that_have_expired(
    keep: Keeper, database: Database, clock: FakeClock
) -> None:
    for number in range(20):
        await keep(f"old-{number}")
    clock.advance(60)
    await keep("new-1")
    left = await count_rows(database, "objects")
    await keep("new-2")

    assert (left, await count_rows(database, "objects")) == (5, 2)


async def test_removal_of_expired_objects_leaves_no_value_behind(
    store: ObjectStore, keep: Keeper, database: Database, clock: FakeClock
) -> None:
    for number in range(120):
        await keep(f"old-{number}")
    await keep("a", minutes=10)
    clock.advance(60)
    await store.remove_expired()

    assert (await count_rows(database, "objects"), await count_rows(database, "object_values")) == (
        1,
        1,
    )
    assert await keep.there("a") == "a"


async def test_a_running_store_removes_what_expired_before(
    store: ObjectStore, keep: Keeper, database: Database, clock: FakeClock
) -> None:
    await keep("a")
    clock.advance(60)

    async with anyio.create_task_group() as group:
        group.start_soon(store.run)
        with anyio.fail_after(5):
            while await count_rows(database, "objects"):
                await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
