import sqlite3
from pathlib import Path

import anyio
import pytest
from sqlalchemy import text

from grokgate.errors import Conflict, StoreUnavailable
from grokgate.objects import Replies, Reply, Reservation
from grokgate.storage import Database
from grokgate.testing.clock import FakeClock
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio

DAY_S = 24 * 3600
REPLY = Reply(status=201, content_type="application/json", body=b'{"answer": "forty-two"}')


@pytest.fixture
def replies(database: Database, clock: FakeClock) -> Replies:
    return again(database, clock)


def again(database: Database, clock: FakeClock) -> Replies:
    """What another process would know."""
    return Replies(database, Vault(bytes(32)), clock)


async def reserved(replies: Replies, key: str = "order-1", *, owner: str = "k1") -> Reservation:
    answer = await replies.reserve(owner, key, request="a")
    assert isinstance(answer, Reservation)
    return answer


async def is_free(replies: Replies, *, owner: str = "k1") -> bool:
    return isinstance(await replies.reserve(owner, "order-1", request="a"), Reservation)


async def recorded(replies: Replies, key: str = "order-1") -> None:
    await replies.complete(await reserved(replies, key), REPLY)


async def code_of_conflict(replies: Replies, *, request: str) -> str | None:
    with pytest.raises(Conflict) as caught:
        await replies.reserve("k1", "order-1", request=request)
    return caught.value.code


async def rows(database: Database) -> int:
    async with database.read() as connection:
        count = await connection.execute(text("SELECT count(*) FROM idempotent_replies"))
        return int(count.scalar_one())


async def test_recorded_reply_answers_an_equal_request(replies: Replies) -> None:
    await recorded(replies)

    assert await replies.reserve("k1", "order-1", request="a") == REPLY


async def test_recorded_reply_survives_the_process(
    replies: Replies, database: Database, clock: FakeClock
) -> None:
    await recorded(replies)

    assert await again(database, clock).reserve("k1", "order-1", request="a") == REPLY


async def test_other_request_under_a_recorded_key_is_refused(replies: Replies) -> None:
    await recorded(replies)

    assert await code_of_conflict(replies, request="b") == "idempotency_mismatch"


async def test_mismatch_tells_clients_not_to_retry(replies: Replies) -> None:
    await recorded(replies)

    with pytest.raises(Conflict) as caught:
        await replies.reserve("k1", "order-1", request="b")
    assert caught.value.headers == {"x-should-retry": "false"}
    assert caught.value.retry_after_s is None


async def test_running_request_holds_its_key(replies: Replies) -> None:
    await reserved(replies)

    assert await code_of_conflict(replies, request="a") == "idempotency_in_progress"
    assert await code_of_conflict(replies, request="b") == "idempotency_mismatch"


async def test_of_ten_at_once_one_may_work(replies: Replies) -> None:
    answers: list[Reservation | Reply | Conflict] = []

    async def ask() -> None:
        try:
            answers.append(await replies.reserve("k1", "order-1", request="a"))
        except Conflict as conflict:
            answers.append(conflict)

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ask)

    assert len([answer for answer in answers if isinstance(answer, Reservation)]) == 1
    assert len([answer for answer in answers if isinstance(answer, Conflict)]) == 9


async def test_equal_request_during_the_recording_does_no_second_work(replies: Replies) -> None:
    """Whatever the order of the two transactions is, the key is never free in between."""
    answers: list[Reservation | Reply | Conflict] = []
    first = await reserved(replies)

    async def ask() -> None:
        try:
            answers.append(await replies.reserve("k1", "order-1", request="a"))
        except Conflict as conflict:
            answers.append(conflict)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(replies.complete, first, REPLY)
        group.start_soon(ask)

    assert not [answer for answer in answers if isinstance(answer, Reservation)]


async def test_released_key_is_free_for_any_request(replies: Replies) -> None:
    replies.release(await reserved(replies))

    assert isinstance(await replies.reserve("k1", "order-1", request="b"), Reservation)


async def test_late_release_leaves_the_next_holder_alone(replies: Replies) -> None:
    first = await reserved(replies)
    replies.release(first)
    await reserved(replies)
    replies.release(first)

    assert await code_of_conflict(replies, request="a") == "idempotency_in_progress"


async def test_reservation_is_gone_after_a_crash(
    replies: Replies, database: Database, clock: FakeClock
) -> None:
    await reserved(replies)

    assert await is_free(again(database, clock))


async def test_owners_do_not_share_keys(replies: Replies) -> None:
    await recorded(replies)

    assert await is_free(replies, owner="k2")


async def test_reply_expires_after_a_day(replies: Replies, clock: FakeClock) -> None:
    await recorded(replies)
    clock.advance(DAY_S - 1)
    before = await replies.reserve("k1", "order-1", request="a")
    clock.advance(1)

    assert before == REPLY
    assert await is_free(replies)


async def test_reservations_remove_expired_replies(
    replies: Replies, database: Database, clock: FakeClock
) -> None:
    for number in range(20):
        await recorded(replies, f"order-{number}")
    clock.advance(DAY_S)
    await reserved(replies, "other-1")
    left = await rows(database)
    await reserved(replies, "other-2")

    assert (left, await rows(database)) == (4, 0)


async def test_start_removes_expired_replies_only(
    replies: Replies, database: Database, clock: FakeClock
) -> None:
    await recorded(replies, "old")
    clock.advance(DAY_S)
    await recorded(replies, "new")
    await again(database, clock).remove_expired()

    assert await rows(database) == 1
    assert await replies.reserve("k1", "new", request="a") == REPLY


async def test_expired_reply_that_is_still_there_is_replaced(
    replies: Replies, database: Database
) -> None:
    first = await reserved(replies)
    async with database.write() as connection:
        await connection.execute(
            text("INSERT INTO idempotent_replies VALUES (:identity, 'k1', x'00', x'00', 1)"),
            {"identity": first.identity},
        )
    await replies.complete(first, REPLY)

    assert await replies.reserve("k1", "order-1", request="a") == REPLY


async def test_neither_key_nor_reply_is_readable_on_disk(
    replies: Replies, database: Database, path: Path
) -> None:
    await recorded(replies)
    await database.aclose()
    stored = b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert b"order-1" not in stored
    assert b"forty-two" not in stored


async def test_locked_database_refuses_and_keeps_nothing(replies: Replies, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        await reserved(replies)
    other.execute("ROLLBACK")
    other.close()

    assert await is_free(replies)


async def test_reply_that_cannot_be_recorded_leaves_the_key_reserved(
    replies: Replies, database: Database
) -> None:
    reservation = await reserved(replies)
    async with database.write() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar()
        await connection.execute(text(f"PRAGMA max_page_count={pages}"))
    large = Reply(status=200, content_type="text/plain", body=bytes(1 << 20))

    with pytest.raises(StoreUnavailable):
        await replies.complete(reservation, large)
    assert await code_of_conflict(replies, request="a") == "idempotency_in_progress"


async def test_cancelled_reservation_frees_its_key(replies: Replies, database: Database) -> None:
    async with database.write(), anyio.create_task_group() as group:
        group.start_soon(reserved, replies)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()

    assert await is_free(replies)
