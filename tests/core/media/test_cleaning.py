"""Limits that remove what was not used for longest, and files found in the folders (F-CACHE)."""

import os
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from core.media.library import MB, PNG, Library
from grokgate.errors import ObjectNotFound, StateError
from grokgate.media.cleaning import last_midnight
from grokgate.storage.media import MediaKind
from grokgate.testing import FakeClock

pytestmark = pytest.mark.anyio

DAY_S = 24 * 3600


async def fill(library: Library, count: int, *, kind: MediaKind = "image") -> list[str]:
    """Save files of 1 MB, a minute apart; the youngest is old enough to be removed."""
    links = []
    for _ in range(count):
        links.append((await library.save(PNG + bytes(MB - len(PNG)), kind=kind)).link)
        library.clock.advance(61)
    return links


async def still_there(library: Library, links: list[str]) -> list[bool]:
    return [await opens(library, link) for link in links]


async def opens(library: Library, link: str) -> bool:
    try:
        await library.follow(link)
    except ObjectNotFound:
        return False
    return True


async def test_below_the_limit_nothing_goes(library: Library) -> None:
    library.change("cache", limit_mb=5)
    links = await fill(library, 5)
    await library.cleaning.tidy()

    assert await still_there(library, links) == [True] * 5


async def test_over_the_limit_the_oldest_go_until_a_fifth_is_free(library: Library) -> None:
    library.change("cache", limit_mb=5)
    links = await fill(library, 6)
    await library.cleaning.tidy()

    assert await still_there(library, links) == [False, False, True, True, True, True]
    assert library.cleaning.evicted == 2
    assert len(library.names("tmp/image")) == 4


async def test_what_was_used_is_young_again(library: Library) -> None:
    library.change("cache", limit_mb=5)
    links = await fill(library, 6)
    await library.follow(links[0])
    await library.cleaning.tidy()

    assert await still_there(library, links[:3]) == [True, False, False]


async def test_files_of_a_minute_are_spared(library: Library) -> None:
    library.change("cache", limit_mb=1)
    links = [(await library.save(bytes(MB))).link for _ in range(3)]
    library.clock.advance(59)
    await library.cleaning.tidy()

    assert await still_there(library, links) == [True] * 3


async def test_what_is_kept_does_not_count_until_its_time(library: Library) -> None:
    library.change("cache", limit_mb=1)
    until = library.clock.now() + timedelta(days=1)
    kept = await library.save(bytes(2 * MB), kind="video", keep_until=until)
    [other] = await fill(library, 1)
    await library.cleaning.tidy()
    before = await still_there(library, [kept.link, other])
    library.clock.advance(DAY_S - 60)
    await library.cleaning.tidy()

    assert before == [True, True]
    assert library.names("tmp/video") == set()


async def test_files_of_clients_never_go(library: Library) -> None:
    library.change("cache", limit_mb=1)
    file_id = await library.add(bytes(2 * MB))
    library.clock.advance(DAY_S)
    await library.cleaning.tidy()

    assert library.names("files") == {file_id}


async def test_a_kind_may_have_a_limit_of_its_own(library: Library) -> None:
    library.change("cache", video_max_mb=2)
    pictures = await fill(library, 3)
    videos = await fill(library, 3, kind="video")
    await library.cleaning.tidy()

    assert await still_there(library, pictures) == [True] * 3
    assert await still_there(library, videos) == [False, False, True]


async def test_cleaning_may_be_off(library: Library) -> None:
    library.change("cache", limit_mb=1, enable_auto_clean=False)
    links = await fill(library, 3)
    await library.cleaning.tidy()

    assert await still_there(library, links) == [True] * 3


async def test_the_day_may_begin_empty(library: Library) -> None:
    library.change("cache", daily_reset=True)
    library.change("files", link_hours=48)
    [link] = await fill(library, 1)
    library.clock.advance(3 * 3600)  # 15:01 UTC is 23:01 where a day begins 8 hours earlier
    await library.cleaning.tidy()
    before = await opens(library, link)
    library.clock.advance(3600)
    await library.cleaning.tidy()

    assert (before, await opens(library, link)) == (True, False)


@pytest.mark.parametrize(("offset", "hour"), [(480, 16), (0, 0), (-600, 10)])
async def test_midnight_is_where_the_operator_says(offset: int, hour: int) -> None:
    now = FakeClock().now()
    midnight = last_midnight(now, offset)

    assert midnight.astimezone(UTC).hour == hour
    assert now - timedelta(days=1) < midnight <= now


async def test_usage_tells_what_each_kind_takes(library: Library) -> None:
    await fill(library, 2)
    usage = await library.cleaning.usage()

    assert (usage["image"].count, usage["image"].size) == (2, 2 * MB)
    assert usage["video"].count == 0


async def test_files_of_predecessors_are_entered_and_cleaned_but_not_linked(
    library: Library,
) -> None:
    place(library.folder / "tmp/image/users-1-generated-2-image.jpg", age_s=DAY_S)
    place(library.folder / "temp/video/older.mp4", age_s=DAY_S)
    await library.cleaning.begin()
    await library.cleaning.begin()
    usage = await library.cleaning.usage()

    assert (usage["image"].count, usage["video"].count) == (1, 1)
    assert library.names("tmp/video") == {"older.mp4"}
    library.change("cache", daily_reset=True)
    library.clock.advance(400 * DAY_S)
    await library.cleaning.tidy()
    assert library.names("tmp/image") | library.names("tmp/video") == set()


async def test_a_name_in_both_folders_is_entered_once(library: Library) -> None:
    for kind in ("image", "video"):
        place(library.folder / f"tmp/{kind}/same.png", age_s=1)
    await library.cleaning.begin()
    usage = await library.cleaning.usage()

    assert usage["image"].count + usage["video"].count == 1


async def test_a_start_without_a_folder_goes_on(library: Library) -> None:
    (library.folder / "tmp").write_text("in the way")
    (library.folder / "temp/image").mkdir(parents=True)
    place(library.folder / "temp/image/a.png", age_s=1)
    await library.cleaning.begin()

    assert [call.args for call in library.log.calls] == [("media_not_cleaned",)]


def place(path: Path, *, age_s: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PNG)
    changed = path.stat().st_mtime - age_s
    os.utime(path, (changed, changed))


async def test_start_is_refused_while_a_place_of_its_own_cannot_be_written(
    library: Library,
) -> None:
    library.change("storage", media_url=str(library.folder))
    await library.cleaning.begin()
    library.folder.rename(library.folder.with_name("gone"))
    library.folder.touch()

    with pytest.raises(StateError, match=r"storage\.media_url cannot be written"):
        await library.cleaning.begin()
