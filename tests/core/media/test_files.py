"""The files of clients: of one key, kept until deleted or expired, within its own limit."""

from typing import Any

import pytest

from core.media.library import KB, Library, whole
from grokgate.errors import BodyTooLarge, ObjectNotFound

pytestmark = pytest.mark.anyio

HOUR_S = 3600
GONE = r"^File not found$"


async def listed(library: Library, **more: object) -> list[str]:
    asked: dict[str, Any] = {"owner": "k1", "limit": 10, **more}
    return [row.id for row in await library.files.listing(**asked)]


async def test_a_file_is_read_by_its_id(library: Library) -> None:
    file_id = await library.add(b"hello")
    blob = await library.files.open(file_id, owner="k1")

    assert file_id.startswith("file-")
    assert (blob.name, blob.size, blob.mime) == ("a.txt", 5, "application/octet-stream")
    assert [await whole(blob.open()) for _ in range(2)] == [b"hello", b"hello"]


async def test_an_empty_file_is_kept(library: Library) -> None:
    blob = await library.files.open(await library.add(b""), owner="k1")

    assert await whole(blob.open()) == b""


@pytest.mark.parametrize("file_id", ["file-unknown", "", "../secret.key", "a\0b", "é"])
async def test_an_unknown_id_reads_like_a_foreign_one(library: Library, file_id: str) -> None:
    foreign = await library.add(owner="k2")

    for wanted in (file_id, foreign):
        with pytest.raises(ObjectNotFound, match=GONE):
            await library.files.open(wanted, owner="k1")
        with pytest.raises(ObjectNotFound, match=GONE):
            await library.files.delete(wanted, owner="k1")


async def test_files_of_another_key_are_not_listed(library: Library) -> None:
    mine, _ = await library.add(), await library.add(owner="k2")

    assert await listed(library) == [mine]


async def test_pages_follow_each_other_in_both_orders(library: Library) -> None:
    ids = []
    for _ in range(3):
        ids.append(await library.add())
        library.clock.advance(1)

    assert await listed(library, limit=2) == [ids[2], ids[1]]
    assert await listed(library, after=ids[1]) == [ids[0]]
    assert await listed(library, order="asc", after=ids[0]) == ids[1:]


async def test_files_of_one_moment_are_on_one_page_each(library: Library) -> None:
    ids = {await library.add() for _ in range(4)}
    first = await listed(library, limit=2)

    assert {*first, *await listed(library, after=first[-1])} == ids


async def test_lists_may_be_of_one_purpose(library: Library) -> None:
    await library.add()
    batch = await library.add(purpose="batch")

    assert await listed(library, purpose="batch") == [batch]


async def test_a_deleted_file_is_gone(library: Library) -> None:
    file_id = await library.add()
    await library.files.delete(file_id, owner="k1")

    with pytest.raises(ObjectNotFound):
        await library.files.delete(file_id, owner="k1")
    assert library.names("files") == set()


async def test_an_expired_file_is_gone_at_once_and_its_bytes_soon(library: Library) -> None:
    file_id = await library.add(seconds=HOUR_S)
    library.clock.advance(HOUR_S)

    with pytest.raises(ObjectNotFound):
        await library.files.open(file_id, owner="k1")
    assert await listed(library) == []
    await library.cleaning.tidy()
    assert library.names("files") == set()


async def test_a_key_has_a_limit_of_its_own(library: Library) -> None:
    library.change("files", max_mb=10 / 1024)
    await library.add(bytes(6 * KB))
    await library.add(bytes(10 * KB), owner="k2")

    with pytest.raises(BodyTooLarge) as refused:
        await library.add(bytes(5 * KB))
    assert refused.value.code == "file_too_large"
    assert len(library.names("files")) == 2


async def test_deleting_makes_room(library: Library) -> None:
    library.change("files", max_mb=10 / 1024)
    first = await library.add(bytes(6 * KB))
    await library.files.delete(first, owner="k1")

    await library.add(bytes(10 * KB))
    assert len(await listed(library)) == 1


async def test_a_file_whose_bytes_vanished_is_not_found(library: Library) -> None:
    file_id = await library.add()
    (library.folder / "files" / file_id).unlink()

    with pytest.raises(ObjectNotFound):
        await library.files.open(file_id, owner="k1")
    await library.files.delete(file_id, owner="k1")


async def test_bytes_that_a_crash_left_are_removed_at_the_start(library: Library) -> None:
    file_id = await library.add()
    (library.folder / "files" / "file-half").write_bytes(b"x")
    await library.cleaning.begin()

    assert library.names("files") == {file_id}
