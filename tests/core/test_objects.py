import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from sqlalchemy import text

from grokgate.errors import Conflict, StoreUnavailable
from grokgate.objects import Objects, Reply, Reservation
from grokgate.storage import Database, open_database
from grokgate.testing.clock import FakeClock
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio

DAY_S = 24 * 3600
REPLY = Reply(status=201, content_type="application/json", body=b'{"answer": "forty-two"}')


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "grokgate.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    async with open_database(path, busy_timeout_ms=50) as database:
        yield database


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def objects(database: Database, clock: FakeClock) -> Objects:
    return again(database, clock)


def again(database: Database, clock: FakeClock) -> Objects:
    """What another process would know."""
    return Objects(database, Vault(bytes(32)), clock)


async def reserved(objects: Objects, key: str = "order-1", *, owner: str = "k1") -> Reservation:
    answer = await objects.reserve(owner, key, request="a")
    assert isinstance(answer, Reservation)
    return answer


async def is_free(objects: Objects, *, owner: str = "k1") -> bool:
    return isinstance(await objects.reserve(owner, "order-1", request="a"), Reservation)


async def recorded(objects: Objects, key: str = "order-1") -> None:
    await objects.complete(await reserved(objects, key), REPLY)


async def code_of_conflict(objects: Objects, *, request: str) -> str | None:
    with pytest.raises(Conflict) as caught:
        await objects.reserve("k1", "order-1", request=request)
    return caught.value.code


async def rows(database: Database) -> int:
    async with database.read() as connection:
        count = await connection.execute(text("SELECT count(*) FROM idempotent_replies"))
        return int(count.scalar_one())


async def test_recorded_reply_answers_an_equal_request(objects: Objects) -> None:
    await recorded(objects)

    assert await objects.reserve("k1", "order-1", request="a") == REPLY


async def test_recorded_reply_survives_the_process(
    objects: Objects, database: Database, clock: FakeClock
) -> None:
    await recorded(objects)

    assert await again(database, clock).reserve("k1", "order-1", request="a") == REPLY


async def test_other_request_under_a_recorded_key_is_refused(objects: Objects) -> None:
    await recorded(objects)

    assert await code_of_conflict(objects, request="b") == "idempotency_mismatch"


async def test_mismatch_tells_clients_not_to_retry(objects: Objects) -> None:
    await recorded(objects)

    with pytest.raises(Conflict) as caught:
        await objects.reserve("k1", "order-1", request="b")
    assert caught.value.headers == {"x-should-retry": "false"}
    assert caught.value.retry_after_s is None


async def test_running_request_holds_its_key(objects: Objects) -> None:
    await reserved(objects)

    assert await code_of_conflict(objects, request="a") == "idempotency_in_progress"
    assert await code_of_conflict(objects, request="b") == "idempotency_mismatch"


async def test_of_ten_at_once_one_may_work(objects: Objects) -> None:
    answers: list[Reservation | Reply | Conflict] = []

    async def ask() -> None:
        try:
            answers.append(await objects.reserve("k1", "order-1", request="a"))
        except Conflict as conflict:
            answers.append(conflict)

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ask)

    assert len([answer for answer in answers if isinstance(answer, Reservation)]) == 1
    assert len([answer for answer in answers if isinstance(answer, Conflict)]) == 9


async def test_equal_request_during_the_recording_does_no_second_work(objects: Objects) -> None:
    """Whatever the order of the two transactions is, the key is never free in between."""
    answers: list[Reservation | Reply | Conflict] = []
    first = await reserved(objects)

    async def ask() -> None:
        try:
            answers.append(await objects.reserve("k1", "order-1", request="a"))
        except Conflict as conflict:
            answers.append(conflict)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(objects.complete, first, REPLY)
        group.start_soon(ask)

    assert not [answer for answer in answers if isinstance(answer, Reservation)]


async def test_released_key_is_free_for_any_request(objects: Objects) -> None:
    objects.release(await reserved(objects))

    assert isinstance(await objects.reserve("k1", "order-1", request="b"), Reservation)


async def test_late_release_leaves_the_next_holder_alone(objects: Objects) -> None:
    first = await reserved(objects)
    objects.release(first)
    await reserved(objects)
    objects.release(first)

    assert await code_of_conflict(objects, request="a") == "idempotency_in_progress"


async def test_reservation_is_gone_after_a_crash(
    objects: Objects, database: Database, clock: FakeClock
) -> None:
    await reserved(objects)

    assert await is_free(again(database, clock))


async def test_owners_do_not_share_keys(objects: Objects) -> None:
    await recorded(objects)

    assert await is_free(objects, owner="k2")


async def test_reply_expires_after_a_day(objects: Objects, clock: FakeClock) -> None:
    await recorded(objects)
    clock.advance(DAY_S - 1)
    before = await objects.reserve("k1", "order-1", request="a")
    clock.advance(1)

    assert before == REPLY
    assert await is_free(objects)


async def test_reservations_remove_expired_replies(
    objects: Objects, database: Database, clock: FakeClock
) -> None:
    for number in range(20):
        await recorded(objects, f"order-{number}")
    clock.advance(DAY_S)
    await reserved(objects, "other-1")
    left = await rows(database)
    await reserved(objects, "other-2")

    assert (left, await rows(database)) == (4, 0)


async def test_start_removes_expired_replies_only(
    objects: Objects, database: Database, clock: FakeClock
) -> None:
    await recorded(objects, "old")
    clock.advance(DAY_S)
    await recorded(objects, "new")
    await again(database, clock).remove_expired()

    assert await rows(database) == 1
    assert await objects.reserve("k1", "new", request="a") == REPLY


async def test_expired_reply_that_is_still_there_is_replaced(
    objects: Objects, database: Database
) -> None:
    first = await reserved(objects)
    async with database.write() as connection:
        await connection.execute(
            text("INSERT INTO idempotent_replies VALUES (:identity, x'00', x'00', 1)"),
            {"identity": first.identity},
        )
    await objects.complete(first, REPLY)

    assert await objects.reserve("k1", "order-1", request="a") == REPLY


async def test_neither_key_nor_reply_is_readable_on_disk(
    objects: Objects, database: Database, path: Path
) -> None:
    await recorded(objects)
    await database.aclose()
    stored = b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert b"order-1" not in stored
    assert b"forty-two" not in stored


async def test_locked_database_refuses_and_keeps_nothing(objects: Objects, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        await reserved(objects)
    other.execute("ROLLBACK")
    other.close()

    assert await is_free(objects)


async def test_reply_that_cannot_be_recorded_leaves_the_key_reserved(
    objects: Objects, database: Database
) -> None:
    reservation = await reserved(objects)
    async with database.write() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar()
        await connection.execute(text(f"PRAGMA max_page_count={pages}"))
    large = Reply(status=200, content_type="text/plain", body=bytes(1 << 20))

    with pytest.raises(StoreUnavailable):
        await objects.complete(reservation, large)
    assert await code_of_conflict(objects, request="a") == "idempotency_in_progress"


async def test_cancelled_reservation_frees_its_key(objects: Objects, database: Database) -> None:
    async with database.write(), anyio.create_task_group() as group:
        group.start_soon(reserved, objects)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()

    assert await is_free(objects)
