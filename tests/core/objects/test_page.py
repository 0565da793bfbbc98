"""Objects of one owner, page by page (`Objects.page`)."""

from datetime import timedelta

import pytest

from grokgate.objects import PluginObjects
from grokgate.testing.clock import FakeClock

pytestmark = pytest.mark.anyio


async def keep(
    objects: PluginObjects, clock: FakeClock, *keys: str, owner: str = "k1", keep_turn: bool = True
) -> None:
    until = clock.now() + timedelta(hours=1)
    for key in keys:
        await objects.put(key, key.encode(), owner=owner, expires_at=until, keep_turn=keep_turn)


async def test_values_come_by_age_in_both_orders(objects: PluginObjects, clock: FakeClock) -> None:
    await keep(objects, clock, "a", "b", "c")

    assert await objects.page(owner="k1", limit=9) == [b"c", b"b", b"a"]
    assert await objects.page(owner="k1", limit=2, newest_first=False) == [b"a", b"b"]


async def test_a_page_follows_the_last_one(objects: PluginObjects, clock: FakeClock) -> None:
    await keep(objects, clock, "a", "b", "c")

    assert await objects.page(owner="k1", limit=9, after="b") == [b"a"]
    assert await objects.page(owner="k1", limit=9, newest_first=False, after="b") == [b"c"]
    assert await objects.page(owner="k1", limit=9, after="unknown") == []


async def test_a_change_may_keep_the_place(objects: PluginObjects, clock: FakeClock) -> None:
    await keep(objects, clock, "a", "b", "a")
    unmoved = await objects.page(owner="k1", limit=9)
    await keep(objects, clock, "a", keep_turn=False)

    assert unmoved == [b"b", b"a"]
    assert await objects.page(owner="k1", limit=9) == [b"a", b"b"]


async def test_foreign_and_expired_values_are_left_out(
    objects: PluginObjects, clock: FakeClock
) -> None:
    await keep(objects, clock, "a")
    await keep(objects, clock, "foreign", owner="k2")
    clock.advance(3599)
    await keep(objects, clock, "b")
    clock.advance(2)

    assert await objects.page(owner="k1", limit=9) == [b"b"]
