from pathlib import Path

import anyio
import pytest

from grokgate.errors import StateError
from grokgate.storage.seats import hold_when_free, take_seat

pytestmark = pytest.mark.anyio


def test_seat_is_the_smallest_free_number(tmp_path: Path) -> None:
    with take_seat(tmp_path) as first:
        with take_seat(tmp_path) as second:
            pass
        with take_seat(tmp_path) as third:
            pass

    assert (first, second, third) == (1, 2, 2)


async def test_lock_goes_to_who_waits_for_it(tmp_path: Path) -> None:
    waited, held = anyio.Event(), anyio.Event()

    async def wait() -> None:
        async with hold_when_free(tmp_path, "a.lock", waiting=waited.set):
            held.set()

    async with anyio.create_task_group() as group:
        async with hold_when_free(tmp_path, "a.lock", waiting=waited.set):
            group.start_soon(wait)
            await waited.wait()
            assert not held.is_set()
        with anyio.fail_after(5):
            await held.wait()


async def test_wait_ends_with_what_is_raised_meanwhile(tmp_path: Path) -> None:
    def refuse() -> None:
        raise StateError("enough")

    async with hold_when_free(tmp_path, "a.lock", waiting=refuse):
        with pytest.raises(StateError, match="enough"):
            async with hold_when_free(tmp_path, "a.lock", waiting=refuse):
                pass
