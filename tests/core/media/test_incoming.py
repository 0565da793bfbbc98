"""A file of an upstream is fetched once, however many want it at the same time (F-FILE-06)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from core.media.library import MP4, PNG, Library, whole
from grokgate.errors import UpstreamError
from grokgate.plugin import MediaRef
from grokgate.plugin.media import Incoming
from grokgate.storage.media import MediaKind, MediaRow
from grokgate.upstream import Asset

pytestmark = pytest.mark.anyio


class Upstream:
    """Hands out a file when it is told to; the first *faults* times it breaks off."""

    def __init__(self, *, faults: int = 0) -> None:
        self.fetches = 0
        self.closed = 0
        self.go = asyncio.Event()
        self.asked = asyncio.Event()
        self._faults = faults

    async def fetch(self, _: Asset) -> AsyncGenerator[bytes, None]:
        self.fetches += 1
        broken = self.fetches <= self._faults
        try:
            yield MP4[:20]
            self.asked.set()
            await self.go.wait()
            if broken:
                raise UpstreamError
            yield MP4[20:]
        finally:
            self.closed += 1


def film(upstream: Upstream, ref: str = "v1", account: str = "a1") -> Incoming:
    return Incoming(Asset(ref=ref, account=account), upstream.fetch)


async def save(library: Library, source: Incoming, owner: str = "k1") -> MediaRef:
    return await library.pictures.save(source, kind="video", owner=owner)


@asynccontextmanager
async def saving(
    library: Library, upstream: Upstream, *sources: Incoming
) -> AsyncIterator[list[asyncio.Task[MediaRef]]]:
    """Askers by turn, the first of whom waits for the upstream."""
    tasks = [
        asyncio.create_task(save(library, source, owner=f"k{place}"))
        for place, source in enumerate(sources)
    ]
    with anyio.fail_after(5):
        await upstream.asked.wait()
        yield tasks
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_fetch_serves_all_who_ask(library: Library) -> None:
    upstream = Upstream()
    async with saving(library, upstream, *(film(upstream) for _ in range(5))) as tasks:
        upstream.go.set()
    kept = [task.result() for task in tasks]

    assert (upstream.fetches, upstream.closed) == (1, 1)
    assert len({one.name for one in kept}) == 5
    assert [await library.follow(one.link) for one in kept] == [MP4] * 5


async def test_everybody_owns_a_file_of_their_own(library: Library) -> None:
    upstream = Upstream()
    async with saving(library, upstream, film(upstream), film(upstream)) as tasks:
        upstream.go.set()
    first, second = (task.result() for task in tasks)

    assert await library.pictures.delete(first.name, owner="k0")
    blob = await library.pictures.open(second.name, owner="k1")
    assert await whole(blob.open()) == MP4


async def test_a_failed_fetch_leaves_nothing_to_the_next(library: Library) -> None:
    upstream = Upstream(faults=1)
    async with saving(library, upstream, *(film(upstream) for _ in range(3))) as tasks:
        upstream.go.set()
    outcomes = [task.exception() for task in tasks]

    assert isinstance(outcomes[0], UpstreamError)
    assert outcomes[1:] == [None, None]
    assert upstream.fetches == 2
    assert len(library.names("tmp/video")) == 2


async def test_who_leaves_does_not_take_the_others_along(library: Library) -> None:
    upstream = Upstream()
    async with saving(library, upstream, film(upstream), film(upstream)) as tasks:
        tasks[0].cancel()
        upstream.go.set()

    assert tasks[0].cancelled()
    assert await library.follow(tasks[1].result().link) == MP4
    assert (upstream.fetches, upstream.closed) == (2, 2)


async def test_who_waits_may_leave(library: Library) -> None:
    upstream = Upstream()
    async with saving(library, upstream, film(upstream), film(upstream)) as tasks:
        tasks[1].cancel()
        await asyncio.wait([tasks[1]])
        upstream.go.set()

    assert tasks[1].cancelled()
    assert await library.follow(tasks[0].result().link) == MP4
    assert upstream.fetches == 1


@pytest.mark.parametrize("other", [{"ref": "v2"}, {"account": "a2"}])
async def test_other_files_do_not_wait(library: Library, other: dict[str, str]) -> None:
    held, free = Upstream(), Upstream()
    free.go.set()
    async with saving(library, held, film(held)):
        kept = await save(library, film(free, **other))
        held.go.set()

    assert await library.follow(kept.link) == MP4


async def test_a_later_request_fetches_again(library: Library) -> None:
    upstream = Upstream()
    upstream.go.set()
    await save(library, film(upstream))
    await save(library, film(upstream))

    assert upstream.fetches == 2


async def test_what_is_at_hand_is_not_waited_for() -> None:
    asset = Asset(ref="a", account="a1", content=PNG)

    assert Incoming(asset, Upstream().fetch).origin is None


async def test_the_first_picture_of_a_video_goes_with_it(library: Library) -> None:
    video, preview = await with_preview(library)

    assert preview.name.rpartition(".")[0] == video.name.rpartition(".")[0] + "-preview"
    assert await library.follow(preview.link) == PNG
    await library.pictures.delete(video.name, owner="k1")
    assert library.names("tmp/image") == set()


async def test_first_pictures_are_found_by_their_videos(library: Library) -> None:
    video, preview = await with_preview(library)
    alone = await library.save(MP4, kind="video")

    found = await library.pictures.previews([as_row(video), as_row(alone), as_row(preview)])

    assert {name: row.name for name, row in found.items()} == {video.name: preview.name}


async def test_a_video_that_is_evicted_takes_its_picture_along(library: Library) -> None:
    await with_preview(library)
    library.clock.advance(120)
    library.change("cache", video_max_mb=1, limit_mb=0)
    await library.save(MP4 + bytes(2 << 20), kind="video")
    await library.cleaning.tidy()

    assert library.names("tmp/image") == set()


def as_row(ref: MediaRef) -> MediaRow:
    kind: MediaKind = "video" if ref.mime == "video/mp4" else "image"
    return MediaRow(
        name=ref.name, kind=kind, owner="k1", mime=ref.mime, size=ref.size, created_at=0, used_at=0
    )


async def with_preview(library: Library) -> tuple[MediaRef, MediaRef]:
    """A video and its first picture."""
    video = await library.save(MP4, kind="video")
    still = Asset(ref="p", account="a1", content=PNG)

    async def at_hand(_: Asset) -> AsyncGenerator[bytes, None]:
        yield PNG

    source = Incoming(still, at_hand, preview_of=video.name)
    return video, await library.pictures.save(source, kind="image", owner="k1")
