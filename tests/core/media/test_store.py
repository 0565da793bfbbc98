"""Bytes in a local folder: whole or not at all, and nothing outside of it."""

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from core.media.library import MB, one, whole
from grokgate.errors import StateError, StoreUnavailable
from grokgate.media import ByteStore

pytestmark = pytest.mark.anyio

KEY = "tmp/image/a.png"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def store(folder: Path) -> ByteStore:
    return ByteStore(folder)


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if not path.is_dir()]


async def breaking() -> AsyncGenerator[bytes, None]:
    yield bytes(6 * MB)
    raise KeyError("mine")


class Silent:
    """A source that sends nothing more; reads in the task that reads it."""

    def __init__(self) -> None:
        self.begun = anyio.Event()
        self.cancelled = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        yield bytes(6 * MB)
        self.begun.set()
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            self.cancelled = True
            raise


@pytest.mark.parametrize(("start", "end"), [(0, 10), (3, 7), (0, 0), (9, 10)])
async def test_a_part_is_read_back(store: ByteStore, start: int, end: int) -> None:
    size = await store.put(KEY, one(b"0123456789"))

    assert size == 10
    assert await whole(await store.read(KEY, start=start, end=end)) == b"0123456789"[start:end]


async def test_pieces_are_bounded(store: ByteStore) -> None:
    await store.put(KEY, one(bytes(3 * MB)))
    sizes = [len(piece) async for piece in await store.read(KEY, start=0, end=3 * MB)]

    assert sum(sizes) == 3 * MB
    assert max(sizes) <= MB


async def test_a_source_that_breaks_leaves_nothing(store: ByteStore, folder: Path) -> None:
    with pytest.raises(KeyError, match="mine"):
        await store.put(KEY, breaking())

    assert left(folder) == []


async def test_a_cancelled_write_ends_its_source_and_leaves_nothing(
    store: ByteStore, folder: Path
) -> None:
    source = Silent()
    async with anyio.create_task_group() as group:
        group.start_soon(store.put, KEY, source.pieces())
        await source.begun.wait()
        group.cancel_scope.cancel()

    assert source.cancelled
    assert left(folder) == []


@pytest.mark.parametrize("size", [1, 30 * MB], ids=["small", "large"])
async def test_a_folder_that_cannot_be_written_is_told(
    store: ByteStore, folder: Path, size: int
) -> None:
    (folder / "tmp").write_text("in the way")

    with pytest.raises(StoreUnavailable):
        await store.put(KEY, one(bytes(size)))


async def test_a_write_whose_row_fails_is_undone(store: ByteStore, folder: Path) -> None:
    async def keep() -> None:
        async with store.undoing(KEY):
            await store.put(KEY, one(b"x"))
            raise KeyError("row")

    with pytest.raises(KeyError, match="row"):
        await keep()

    assert left(folder) == []


async def test_what_a_crash_left_unfinished_is_removed(store: ByteStore, folder: Path) -> None:
    await store.put(KEY, one(b"x"))
    for name in ("b.png#1", "odd name#1"):
        (folder / "tmp/image" / name).write_text("half")
    await store.remove_unfinished("tmp/image")

    assert sorted(left(folder)) == ["a.png", "odd name#1"]


def test_a_new_folder_is_ours_alone(folder: Path) -> None:
    ByteStore(folder)

    assert folder.stat().st_mode & 0o777 == 0o700


async def test_what_is_not_there_is_told(store: ByteStore) -> None:
    with pytest.raises(FileNotFoundError):
        await store.read(KEY, start=0, end=1)


async def test_links_are_not_followed(store: ByteStore, folder: Path) -> None:
    (folder / "tmp/image").mkdir(parents=True)
    (folder / KEY).symlink_to("/etc/hostname")

    with pytest.raises(FileNotFoundError):
        await store.read(KEY, start=0, end=1)
    assert [found async for found in store.listing("tmp/image")] == [[]]


async def test_removing_twice_is_no_error(store: ByteStore, folder: Path) -> None:
    await store.put(KEY, one(b"x"))
    await store.remove([KEY, "tmp/image/never.png"])
    await store.remove([KEY])

    assert left(folder) == []


async def test_listing_tells_names_and_sizes(store: ByteStore, folder: Path) -> None:
    await store.put(KEY, one(b"123"))
    for odd in ("with space.png", ".hidden", "half#1"):
        (folder / "tmp/image" / odd).write_text("odd")
    [portion] = [found async for found in store.listing("tmp/image")]

    assert [(found.name, found.size) for found in portion] == [("a.png", 3)]


@pytest.mark.parametrize("url", ["", "{}", "file://{}"], ids=["data folder", "folder", "file"])
async def test_a_folder_may_be_named(url: str, tmp_path: Path) -> None:
    other = tmp_path if not url else tmp_path / "other"
    store = ByteStore.open(url.format(other), data_dir=tmp_path)
    await store.put(KEY, one(b"x"))

    assert (other / KEY).read_bytes() == b"x"


def test_another_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="media_url"):
        ByteStore.open("ftp://secret@host/x", data_dir=tmp_path)
