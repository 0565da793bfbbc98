"""What is noted at one process counts at the others: failed logins, used tickets, passwords."""

from collections.abc import AsyncIterator, Iterator
from itertools import count

import anyio
import pytest

from grokgate.access.throttle import Throttle
from grokgate.access.tickets import Tickets
from grokgate.bus import Failures
from grokgate.bus.shared_notes import RedisNotes
from grokgate.clock import SystemClock
from grokgate.errors import TooManyAttempts
from grokgate.upstream import Secret
from services.redis_world import frozen
from services.valkey import ValkeyServer, own_valkey

pytestmark = pytest.mark.anyio

SOURCE = "192.0.2.1"
_names = count()


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with own_valkey() as server:
        yield server


@pytest.fixture
async def both(server: ValkeyServer) -> AsyncIterator[tuple[RedisNotes, RedisNotes]]:
    name, clock = f"test-{next(_names)}", SystemClock()
    one, other = (RedisNotes(Secret(server.url), name, clock=clock, most=2) for _ in range(2))
    async with anyio.create_task_group() as group:
        for notes in (one, other):
            group.start_soon(notes.run)
        await anyio.wait_all_tasks_blocked()
        yield one, other
        group.cancel_scope.cancel()


async def test_failures_add_up(both: tuple[RedisNotes, RedisNotes]) -> None:
    one, other = map(Throttle, both)
    statuses = [
        (await throttle.failed(SOURCE)).status for throttle in (one, other, one, other, one)
    ]

    assert statuses == [401] * 4 + [429]
    with pytest.raises(TooManyAttempts):
        await other.check(SOURCE)


async def test_success_is_forgiven_everywhere(both: tuple[RedisNotes, RedisNotes]) -> None:
    one, other = both
    await one.failed(SOURCE)
    await other.forgive(SOURCE)

    assert await one.failures(SOURCE) == Failures()
    assert await one.failed(SOURCE) == 1


async def test_of_too_many_sources_the_oldest_is_forgotten(
    both: tuple[RedisNotes, RedisNotes],
) -> None:
    one, other = both
    for source in ("a", "b", "c"):
        await one.failed(source)

    assert [(await other.failures(source)).count for source in ("a", "b", "c")] == [0, 1, 1]


async def test_of_all_who_use_a_ticket_at_once_one_does(
    both: tuple[RedisNotes, RedisNotes],
) -> None:
    good: list[bool] = []
    tickets = [Tickets(SystemClock(), str.encode, notes) for notes in both]
    text = tickets[0].issue("as_1")

    async def redeem(which: Tickets) -> None:
        good.append((await which.redeem(text))[0])

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(redeem, tickets[number % 2])

    assert good.count(True) == 1


async def test_what_is_noted_is_noted_everywhere_for_a_while(
    both: tuple[RedisNotes, RedisNotes],
) -> None:
    one, other = both
    before = await other.noted("a")
    await one.note("a", for_s=0.3)

    assert (before, await other.noted("a")) == (False, True)
    with anyio.fail_after(5):
        while await other.noted("a"):  # noqa: ASYNC110 - nobody announces it
            await anyio.sleep(0.01)


async def test_process_goes_on_alone_while_the_server_is_frozen(
    both: tuple[RedisNotes, RedisNotes], server: ValkeyServer
) -> None:
    one, other = both
    await one.failed(SOURCE)
    with frozen(server), anyio.fail_after(1.0):
        assert await other.note("a", for_s=60)
        assert not await other.note("a", for_s=60)
        assert await other.noted("a")
        assert [await other.failed(SOURCE), await one.failed(SOURCE)] == [1, 2]
