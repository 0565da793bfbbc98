"""Every kind of query gives the same on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from grokgate.storage import (
    Database,
    Transaction,
    chores,
    decisions,
    files,
    keys,
    listing,
    media,
    open_database,
    request_counts,
    requests,
    sealed,
    sessions,
    settings,
    statistics,
    tokens,
)
from grokgate.storage.ledger import StateRow, write_states
from grokgate.storage.statistics import Numbers

pytestmark = pytest.mark.anyio

MS = 1_790_000_000_000
"""More than 32 bits."""
WORDS = ["b", "B", "a", "Z", "ä", "é", "_", "-", "0", "10", "9", "中", "😀", "aa", "A a", ""]
"""Languages disagree about their order."""


class Both:
    """Does the same on a database of each kind."""

    def __init__(self, *databases: Database) -> None:
        self._databases = databases

    async def __call__(
        self, query: Callable[..., Awaitable[Any]], *given: Any, **named: Any
    ) -> Any:
        """Return what *query* gives on both."""
        found = []
        for database in self._databases:
            async with database.write() as connection:
                found.append(await query(connection, *given, **named))
        assert found[0] == found[1]
        assert repr(found[0]) == repr(found[1])
        return found[0]


@pytest.fixture
async def both(tmp_path: Path, database: Database) -> AsyncIterator[Both]:
    async with open_database(tmp_path / "grokgate.db") as file:
        yield Both(file, database)


def request(number: int, **changed: Any) -> requests.RequestRow:
    row: dict[str, Any] = {
        "id": f"{number:04}",
        "request_id": f"req_{number}",
        "at_ms": MS + number,
        "address": "192.0.2.7",
        "endpoint": "POST /v1/chat/completions",
        "model": WORDS[number % 3],
        "status": 200,
        "error": None,
        "duration_ms": number**3,
        "first_byte_ms": number * 100,
        "key_id": "key_1",
        "key_name": "laptop",
        "token": None,
        "attempts": 1,
        "units": 2**40,
        "usage": {"input": 2**33},
        "stream": bool(number % 2),
    }
    return requests.RequestRow(**row | changed)


async def test_request_log(both: Both) -> None:
    rows = [request(number) for number in range(40)]
    rows += [request(50, status=502, error="upstream_error"), request(51, key_id="", status=401)]
    await both(requests.write_requests, rows)
    wanted = requests.RequestFilter(
        failed=True, since_ms=MS, key="laptop", endpoint="POST /v1/chat/completions"
    )
    failed = await both(requests.list_requests, wanted, limit=9)
    page = await both(requests.list_requests, requests.RequestFilter(), limit=5, before="0030")
    removed = await both(requests.prune_requests, before_ms=MS + 3, most=20, at_once=30)

    assert [row.id for row in failed] == ["0051", "0050"]
    assert [row.id for row in page] == ["0029", "0028", "0027", "0026", "0025"]
    assert removed == 22


async def test_counts_of_requests(both: Both) -> None:
    rows = [request(number, error=None if number % 4 else "busy") for number in range(60)]
    await both(requests.write_requests, rows)
    span = {"since_ms": MS, "until_ms": MS + 1000}

    async def groups(connection: Transaction) -> list[Any]:
        found = await request_counts.count_groups(connection, **span)
        return sorted(found, key=repr)

    assert sum(group.count for group in await both(groups)) == 60
    assert await both(request_counts.count_times, "first_byte_ms", **span)


async def test_statistics(both: Both) -> None:
    counted = {("day", MS, model): Numbers(total=2**40, success=1) for model in ("", "a", "b")}
    for _ in range(2):
        await both(statistics.add_numbers, counted)
    top = await both(statistics.top_models, "day", since_ms=0, most=5)

    assert top == [("a", 2**41), ("b", 2**41)]
    assert await both(statistics.read_numbers, "day", since_ms=0)
    assert await both(statistics.read_models, "day", since_ms=MS)
    assert await both(statistics.was_any_answered)


def state(token: str) -> StateRow:
    names = StateRow.__struct_fields__
    values = dict.fromkeys(names, 0) | dict.fromkeys(["buckets", "kept"], b"{}")
    texts = dict.fromkeys(["state_reason", "evidence", "tier", "last_fail_reason"])
    return StateRow(**values | texts | {"id": token, "status": "active"})


def token(number: int) -> tokens.TokenRow:
    return tokens.TokenRow(
        id=f"tok_{number:02}",
        upstream="web",
        pool="ssoBasic",
        identity=b"%d" % number,
        sealed=b"\x01key_id_1" + bytes([number, 0, 255]),
        tags=b"[]",
        note=WORDS[number],
        max_inflight=2**35,
        created_at=MS,
        last_asset_clear_at=None,
        deleted_at=None,
        revision=1,
    )


def listed(number: int) -> listing.ListingRow:
    return listing.ListingRow(
        id=f"tok_{number:02}",
        status="active" if number % 3 else "cooling",
        quota=number - 1,
        image_quota=-1,
        heavy_quota=number,
        use_count=2**33 + number,
        fail_count=0,
        last_used_at=None if number % 2 else MS - number,
        last_sync_at=None,
        pool="ssoBasic",
        is_deleted=number == 7,
        created_at=MS,
        note=WORDS[number],
        labels=f"\n{WORDS[number].lower()}\n",
        found_by=f"100%_{WORDS[number].lower()}",
    )


@pytest.fixture
async def pool(both: Both) -> Both:
    """One token for each word."""
    numbers = range(len(WORDS))
    first = [state(f"tok_{number:02}") for number in numbers]
    await both(tokens.insert_tokens, [token(number) for number in numbers], first)
    await both(listing.insert_listing, [listed(number) for number in numbers])
    return both


async def test_tables_of_tokens_are_sorted_alike(pool: Both) -> None:
    for column in listing.COLUMNS:
        for descending in (True, False):
            order: dict[str, Any] = {"column": column, "descending": descending}
            page = await pool(listing.page_of_ids, listing.Shown(), **order, offset=2, limit=9)
            assert len(page) == 9


async def test_tokens_are_found_alike(pool: Both) -> None:
    async def ids(connection: Transaction, shown: listing.Shown) -> list[str]:
        return sorted([one async for some in listing.read_ids(connection, shown) for one in some])

    for shown in (
        listing.Shown(q="Ä"),
        listing.Shown(q="0%_"),
        listing.Shown(tag="É"),
        listing.Shown(without_tag="a"),
        listing.Shown(status="cooling", pool="ssoBasic"),
        listing.Shown(deleted=True),
    ):
        assert await pool(ids, shown)
        assert sum((await pool(listing.count_by_status, shown)).values())


async def test_sums_of_tokens(pool: Both) -> None:
    assert (await pool(listing.sum_up)).use_count > 2**36
    assert sum((await pool(listing.count_all)).values()) == len(WORDS) - 1
    assert await pool(listing.unlisted) == []


async def test_tokens_and_states(pool: Both) -> None:
    async def read(connection: Transaction) -> list[Any]:
        return sorted(
            [row async for rows in tokens.read_tokens(connection) for row in rows], key=repr
        )

    await pool(write_states, [state("tok_01"), state("tok_of_nobody")])
    before = await pool(read)
    await pool(tokens.erase_tokens, ["tok_02", "tok_of_nobody"])

    assert len(before) - len(await pool(read)) == 1


async def test_sealed_rows(pool: Both) -> None:
    others = {"key_id": b"key_id_2", "after": "tok_03", "limit": 4}
    rows = await pool(sealed.sealed_otherwise, "tokens", **others)
    await pool(sealed.exchange_sealed, "tokens", [(rows[0], b"\x01key_id_2new")])

    assert [row.key for row in rows] == ["tok_04", "tok_05", "tok_06", "tok_07"]
    left = await pool(sealed.count_sealed_otherwise, "tokens", key_id=b"key_id_2")
    assert left == len(WORDS) - 1


async def test_chores(both: Both) -> None:
    row = chores.ChoreRow(
        id="job_1",
        kind="poke",
        status="running",
        total=3,
        ok=0,
        failed=0,
        detail=b"{}",
        holder="gw_1",
        created_at=MS,
        seen_at=MS,
    )
    await both(chores.insert_chore, row)
    await both(chores.want_end, "job_1")
    progress, found = chores.Progress("job_1", 2, 1), {"seen_after_ms": 0}
    assert await both(chores.touch_chores, [progress], now_ms=MS + 1) == {"job_1"}
    assert await both(chores.count_chores, **found) == 1
    assert await both(chores.foreign_chores, "poke", holder="gw_2", **found)
    for failures in (b"[1]", b"[]"):
        result = chores.ChoreResult(result=b"{}", failures=failures)
        ending = {"status": "done", "detail": b"{}", "result": result, "now_ms": MS + 2}
        await both(chores.end_chore, progress, **ending)

    assert (await both(chores.find_result, "job_1")).failures == b"[]"
    assert len(await both(chores.list_chores, limit=5)) == 1
    assert await both(chores.end_abandoned, seen_before_ms=MS, detail=b"", now_ms=MS) == 0
    await both(chores.prune_chores, before_ms=MS + 9)
    assert await both(chores.find_chore, "job_1") is None


async def test_media(both: Both) -> None:
    rows = [
        media.MediaRow(
            name=word or "none",
            kind="image",
            owner="key_gone",
            mime="image/png",
            size=2**34,
            created_at=MS,
            used_at=MS,
            kept_until=None if number % 2 else MS + 5,
        )
        for number, word in enumerate(WORDS)
    ]
    await both(media.insert_media, rows)
    await both(media.note_uses, {"a": MS + 4})
    usage = await both(media.media_usage, now_ms=MS)
    free = await both(
        media.removable_media, ["image"], created_before_ms=MS + 1, now_ms=MS, limit=5
    )
    page = await both(media.list_media, "image", offset=3, limit=9)
    await both(media.remove_media, ["a", "B"])

    assert usage["image"].size == len(WORDS) * 2**34
    assert (len(free), len(page)) == (5, 9)
    assert await both(media.known_media, ["a", "b"]) == {"b"}
    assert await both(keys.orphaned_owners) == ["key_gone"]


async def test_files(both: Both) -> None:
    rows = [
        files.FileRow(
            id=f"file-{word}",
            owner="key_1",
            filename=word,
            mime="text/plain",
            purpose="user_data",
            size=2**34,
            created_at=MS // 7 * (number % 3),
            expires_at=None if number % 2 else MS,
        )
        for number, word in enumerate(WORDS)
    ]
    for row in rows:
        await both(files.insert_file, row)
    of_owner: dict[str, Any] = {"owner": "key_1", "now_ms": MS - 1}
    paged = {**of_owner, "limit": 4, "purpose": "user_data"}
    for order in ("asc", "desc"):
        page = await both(files.list_files, **paged, order=order, after=None)
        assert len(await both(files.list_files, **paged, order=order, after=page[-1])) == 4

    assert await both(files.bytes_of_owner, **of_owner) == len(WORDS) * 2**34
    assert len(await both(files.expired_files, now_ms=MS, limit=99)) == len(WORDS) // 2
    assert await both(files.remove_files, ["file-a", "file-x"]) == 1


async def test_sessions_settings_and_decisions(both: Both) -> None:
    row = sessions.SessionRow(
        id="as_1", digest=b"\xff", created_at=MS, used_at=MS, address="::1", agent="x" * 300
    )
    await both(sessions.insert_session, row)
    await both(sessions.touch_sessions, [(b"\xff", MS + 1)])
    stored = [settings.SettingRow(key=word or "none", sealed=b"\0") for word in WORDS]
    await both(settings.replace_settings, stored, ["gone"], now_ms=MS)
    kept = [
        decisions.DecisionRow(
            id=f"{number}", request_id="req", at_ms=MS + number, outcome="ok", detail=b"{}"
        )
        for number in range(5)
    ]
    await both(decisions.write_decisions, kept)
    await both(decisions.prune_decisions, before_ms=MS + 1, most=3)

    assert (await both(sessions.load_sessions))[0].used_at == MS + 1
    assert len(await both(settings.load_settings)) == len(WORDS)
    assert await both(settings.raise_settings_version) == 1
    assert len(await both(decisions.find_decisions, "req", limit=9)) == 3


async def test_text_with_a_nul_holds_nothing_up(database: Database) -> None:
    """SQLite keeps it, and clients may send it."""
    async with database.write() as connection:
        await requests.write_requests(connection, [request(1, model="a\0b")])
        (row,) = await requests.list_requests(connection, requests.RequestFilter(), limit=1)

    assert row.model == "a�b"
