import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from core.dispatch_world import (
    ASK,
    HELLO,
    Settings,
    call,
    collect,
    script,
    world,
)
from grokgate import errors
from grokgate.dispatch.exchange import LiveExchange
from grokgate.settings.token import TokenSettings
from grokgate.testing.upstream import FakeUpstream
from grokgate.upstream import (
    Event,
    Finished,
    Started,
    UpstreamSession,
)

pytestmark = pytest.mark.anyio


class _Unreachable(FakeUpstream):
    """A driver that never gets a connection."""

    def __init__(self, reached: asyncio.Event) -> None:
        super().__init__()
        self._reached = reached

    @asynccontextmanager
    async def session(self, *account: Any) -> AsyncIterator[Any]:
        self._reached.set()
        await asyncio.Event().wait()
        yield account


async def _stubborn() -> AsyncGenerator[Event, None]:
    try:
        yield HELLO[0]
        await asyncio.Event().wait()
    finally:
        raise RuntimeError("cannot close")


async def _settled() -> None:
    """Let other tasks run until they wait."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_closing_early_aborts_and_charges() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call())
        await exchange.aclose()
        await exchange.aclose()

        assert at.fake.closed == 1
        assert at.left() == {"a": 9, "b": 5}
        assert [record.outcome for record in at.finished] == ["cancelled"]


async def test_closing_in_another_task_ends_the_reader() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call())
        reader = asyncio.ensure_future(collect(exchange))
        await _settled()
        await exchange.aclose()
        with anyio.fail_after(2):
            assert await reader == HELLO
        assert at.fake.closed == 1


async def test_closing_from_two_tasks_closes_once() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call())
        reader = asyncio.ensure_future(collect(exchange))
        await _settled()
        with capture_logs() as lines, anyio.fail_after(2):
            await asyncio.gather(exchange.aclose(), exchange.aclose())
            await reader

        assert (at.fake.closed, lines) == (1, [])


async def test_closing_while_the_total_limit_fires() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call(timeout_s=60))
        assert isinstance(exchange, LiveExchange)
        reader = asyncio.ensure_future(collect(exchange))
        await _settled()
        exchange._deadline._fire()
        with capture_logs() as lines, anyio.fail_after(2):
            await exchange.aclose()
            assert await reader == HELLO

        assert (at.fake.closed, lines) == (1, [])
        assert [record.outcome for record in at.finished] == ["cancelled"]


async def test_cancel_is_not_taken_for_the_total_limit_that_follows_it() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call(timeout_s=60))
        assert isinstance(exchange, LiveExchange)
        reader = asyncio.ensure_future(collect(exchange))
        await _settled()
        reader.cancel()
        exchange._deadline._fire()
        await asyncio.wait([reader], timeout=2)

        assert reader.cancelled()


async def test_end_marker_is_not_followed_by_a_wait_for_the_upstream() -> None:
    async def lingers(_request: Any) -> AsyncGenerator[Event, None]:
        yield HELLO[0]
        yield Finished()
        await asyncio.Event().wait()

    async with world(lingers) as at:
        exchange = await at.open(call())
        with anyio.fail_after(0.5):
            assert await collect(exchange) == [HELLO[0], Finished()]
        assert [record.outcome for record in at.finished] == ["completed"]


async def test_forgotten_exchange_gives_its_lease_back() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        with capture_logs() as lines:
            await at.open(call())
            for _ in range(2):
                gc.collect()
                await _settled()

        assert [line["event"] for line in lines] == ["exchange_forgotten"]
        assert at.left() == {"a": 9, "b": 5}
        assert at.fake.closed == 1


async def test_cancelled_reader_frees_the_lease_at_once() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call())
        reader = asyncio.ensure_future(collect(exchange))
        await _settled()
        reader.cancel()
        await asyncio.wait([reader], timeout=2)

        assert reader.cancelled()
        assert at.fake.closed == 1


@pytest.mark.parametrize("stage", ["connecting", "silent", "started"])
async def test_cancel_before_the_first_output_frees_the_lease(stage: str) -> None:
    reached = asyncio.Event()

    async def wait(_request: Any) -> AsyncGenerator[Event, None]:
        if stage == "started":
            yield Started()
        reached.set()
        await asyncio.Event().wait()

    async with world(wait) as at:
        if stage == "connecting":
            at.upstreams._drivers["web"] = _Unreachable(reached)
        opening = asyncio.ensure_future(at.open(call()))
        await reached.wait()
        opening.cancel()
        await asyncio.wait([opening], timeout=2)

        assert opening.cancelled()
        assert at.left()["a"] == (10 if stage == "connecting" else -1)
        assert at.finished[0].outcome == "cancelled"


async def test_cancel_in_the_queue_leaves_it() -> None:
    async with world(script(*HELLO, hang=True), tokens={"a": 10}) as at:
        at.settings = Settings(token=TokenSettings(max_inflight=1))
        async with await at.open(call()):
            waiting = asyncio.ensure_future(at.open(call("r2")))
            await _settled()
            assert at.home.view().queue_depth == 1
            waiting.cancel()
            await asyncio.wait([waiting], timeout=2)
        assert at.finished[0].outcome == "cancelled"


@pytest.mark.parametrize("output", [True, False])
async def test_total_limit_passes(*, output: bool) -> None:
    async with world(script(*(HELLO if output else ()), hang=True)) as at:
        with anyio.fail_after(2), pytest.raises(errors.UpstreamTimeout):
            await collect(await at.open(call(timeout_s=0.02)))

        assert at.asked() == ["a"]
        assert at.tokens("active") == 2
        observation, task = at.finished[0].observation, asyncio.current_task()
        assert observation is not None
        assert observation.total_timeout
        assert task is not None
        assert task.cancelling() == 0


async def test_total_limit_that_passes_between_reads_counts_at_the_next() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call(timeout_s=0.01))
        await anext(exchange)
        with anyio.fail_after(2):
            while not exchange._deadline.passed:  # noqa: ASYNC110 - a timer tells nobody
                await asyncio.sleep(0)
        with anyio.fail_after(2), pytest.raises(errors.UpstreamTimeout):
            await anext(exchange)


async def test_plugin_that_crashes_is_an_internal_error() -> None:
    async def send(session: UpstreamSession) -> AsyncGenerator[Event, None]:
        async for event in session.converse(ASK):
            yield event
            raise ZeroDivisionError

    async with world(HELLO) as at:
        exchange = await at.open(call(send=send))
        with pytest.raises(errors.InternalError):
            await collect(exchange)
        assert at.tokens("active") == 2


async def test_error_a_plugin_raises_itself_reaches_the_client() -> None:
    async def send(session: UpstreamSession) -> AsyncGenerator[Event, None]:
        async for event in session.converse(ASK):
            yield event
            raise errors.InvalidRequest("bad tool")

    async with world(HELLO) as at:
        exchange = await at.open(call(send=send))
        with pytest.raises(errors.InvalidRequest, match="bad tool"):
            await collect(exchange)


async def test_driver_that_cannot_close_does_not_hold_up_the_call() -> None:
    def send(_session: UpstreamSession) -> AsyncGenerator[Event, None]:
        return _stubborn()

    async with world() as at:
        exchange = await at.open(call(send=send))
        await exchange.aclose()

        assert at.finished[0].outcome == "cancelled"
