import asyncio

import anyio
import pytest

from grokgate.drain import Drain

pytestmark = pytest.mark.anyio


async def test_an_idle_drain_ends_at_once() -> None:
    drain = Drain(grace_s=lambda: 60.0)
    drain.begin()

    with anyio.fail_after(1):
        await drain.finished()
    assert drain.draining


async def test_nothing_ends_before_it_was_begun() -> None:
    drain = Drain(grace_s=lambda: 0.0)

    with anyio.move_on_after(0.02) as waiting:
        await drain.finished()
    assert waiting.cancelled_caught
    assert not drain.cut.is_set()


async def test_requests_in_progress_may_end_within_the_grace() -> None:
    drain = Drain(grace_s=lambda: 60.0)
    drain.enter()
    drain.begin()
    ended = asyncio.create_task(drain.finished())
    await asyncio.sleep(0)
    cut_before = drain.cut.is_set()
    drain.leave()

    with anyio.fail_after(1):
        await ended
    assert not cut_before
    assert drain.inflight == 0


async def test_after_the_grace_open_streams_are_cut_and_get_time_to_say_so() -> None:
    drain = Drain(grace_s=lambda: 0.0)
    drain.enter()
    drain.begin()
    ended = asyncio.create_task(drain.finished())
    with anyio.fail_after(1):
        await drain.cut.wait()
    done_before = ended.done()
    drain.leave()

    with anyio.fail_after(1):
        await ended
    assert not done_before


async def test_beginning_twice_is_beginning_once() -> None:
    drain = Drain(grace_s=lambda: 0.0)
    drain.begin()
    drain.begin()

    with anyio.fail_after(1):
        await drain.finished()
