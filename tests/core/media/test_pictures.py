"""Stored pictures and videos: found by owner or by a link that still holds (S10, S13, V34)."""

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.media.library import MB, MP4, PNG, Library, one, whole
from grokgate.errors import EmptyResponse, ObjectNotFound, StoreUnavailable, UpstreamError
from grokgate.media.keeping import LIMIT_BYTES
from grokgate.upstream import Blob

pytestmark = pytest.mark.anyio

HOUR_S = 3600


async def test_a_link_opens_what_was_saved(library: Library) -> None:
    kept = await library.save()

    assert kept.link.startswith(f"https://gw.example/v1/files/image/{kept.name}?exp=")
    assert (kept.mime, kept.size) == ("image/png", len(PNG))
    assert await library.follow(kept.link) == PNG


@pytest.mark.parametrize(
    ("content", "mime", "extension"),
    [
        (PNG, "image/png", "png"),
        (b"\xff\xd8\xff" + bytes(50), "image/jpeg", "jpg"),
        (b"GIF89a", "image/gif", "gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp", "webp"),
        (MP4, "video/mp4", "mp4"),
        (b"\x1aE\xdf\xa3", "video/webm", "webm"),
        (b"<svg onload=alert(1)>", "application/octet-stream", "bin"),
        (b"<html><script>", "application/octet-stream", "bin"),
        (b"%PDF-1.7", "application/octet-stream", "bin"),
    ],
)
async def test_the_type_is_read_off_the_bytes(
    library: Library, content: bytes, mime: str, extension: str
) -> None:
    kept = await library.save(content)

    assert (kept.mime, kept.name.rpartition(".")[2]) == (mime, extension)


async def test_names_are_random(library: Library) -> None:
    names = {(await library.save()).name for _ in range(20)}

    assert len(names) == 20
    assert {len(name) for name in names} == {len("x" * 24 + ".png")}


async def test_a_link_without_a_known_origin_is_a_path(library: Library) -> None:
    library.base = ""

    assert (await library.save(MP4, kind="video")).link.startswith("/v1/files/video/")


async def test_a_link_expires(library: Library) -> None:
    library.change("files", link_hours=2)
    kept = await library.save()
    library.clock.advance(2 * HOUR_S - 1)
    await library.follow(kept.link)
    library.clock.advance(1)

    with pytest.raises(ObjectNotFound):
        await library.follow(kept.link)
    assert kept.expires_at == datetime(2026, 3, 1, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": "9999999999"},
        {"exp": ""},
        {"exp": "-1"},
        {"exp": "1" * 40},
        {"exp": "١٢٣"},
        {"sig": ""},
        {"sig": "x" * 43},
        {"sig": "é" * 43},
        {"name": "../../secret.key"},
        {"name": "a\0b.png"},
        {"name": ""},
        {"name": "x" * 24 + ".png"},
    ],
)
async def test_a_changed_link_opens_nothing(library: Library, changed: dict[str, str]) -> None:
    kept = await library.save()

    with pytest.raises(ObjectNotFound, match=r"^File not found$"):
        await library.follow(kept.link, **changed)


async def test_every_character_of_the_signature_counts(library: Library) -> None:
    kept = await library.save()
    signature = kept.link.rpartition("=")[2]
    opened = 0
    for place, char in enumerate(signature):
        forged = signature[:place] + ("A" if char != "A" else "B") + signature[place + 1 :]
        try:
            await library.follow(kept.link, sig=forged)
            opened += 1
        except ObjectNotFound:
            pass

    assert opened == 0


async def test_a_signature_belongs_to_one_file(library: Library) -> None:
    first, second = await library.save(), await library.save()

    with pytest.raises(ObjectNotFound):
        await library.follow(first.link, name=second.name)


async def test_a_picture_is_not_found_among_the_videos(library: Library) -> None:
    kept = await library.save()

    with pytest.raises(ObjectNotFound):
        await library.follow(kept.link.replace("/image/", "/video/"))


async def test_a_link_dies_with_its_key(library: Library) -> None:
    kept = await library.save()
    library.inactive.add("k1")

    with pytest.raises(ObjectNotFound):
        await library.follow(kept.link)


async def test_only_the_owner_opens_by_name(library: Library) -> None:
    kept = await library.save()
    blob = await library.pictures.open(kept.name, owner="k1")

    assert [await whole(blob.open()) for _ in range(2)] == [PNG, PNG]
    with pytest.raises(ObjectNotFound):
        await library.pictures.open(kept.name, owner="k2")


async def test_only_the_owner_deletes(library: Library) -> None:
    kept = await library.save()
    tried = [await library.pictures.delete(kept.name, owner=owner) for owner in ("k2", "k1", "k1")]

    assert tried == [False, True, False]
    assert library.names("tmp/image") == set()


async def test_a_vanished_file_is_not_found_and_forgotten(library: Library) -> None:
    kept = await library.save()
    (library.folder / "tmp/image" / kept.name).unlink()

    with pytest.raises(ObjectNotFound):
        await library.follow(kept.link)
    assert (await library.cleaning.usage())["image"].count == 0


async def test_an_id_is_the_name_without_its_extension(library: Library) -> None:
    kept = await library.save()

    assert await library.pictures.name_of(kept.name.partition(".")[0]) == kept.name
    assert await library.pictures.name_of("x" * 24) == ""
    assert await library.pictures.name_of("../x") == ""


async def test_an_empty_file_is_no_picture(library: Library) -> None:
    with pytest.raises(EmptyResponse):
        await library.save(b"")


async def test_a_picture_over_the_limit_is_refused_as_it_comes(library: Library) -> None:
    async def endless() -> AsyncGenerator[bytes, None]:
        while True:
            yield bytes(MB)

    with pytest.raises(UpstreamError):
        await library.pictures.save(endless(), kind="image", owner="k1")
    assert library.names("tmp/image") == set()


async def test_a_broken_source_leaves_nothing(library: Library) -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield PNG
        raise UpstreamError

    with pytest.raises(UpstreamError):
        await library.pictures.save(broken(), kind="image", owner="k1")
    assert library.names("tmp/image") == set()


async def test_a_source_is_closed_when_its_bytes_cannot_be_kept(library: Library) -> None:
    (library.folder / "tmp").write_text("in the way")
    source = one(PNG)
    with pytest.raises(StoreUnavailable):
        await library.pictures.save(source, kind="image", owner="k1")

    assert source.ag_frame is None


async def test_an_upload_may_be_larger_than_what_an_upstream_makes(library: Library) -> None:
    content = PNG + bytes(LIMIT_BYTES["image"])
    picture = Blob.of_bytes(content, mime="image/png", name="a.png")

    assert (await library.pictures.add(picture, owner="k1")).size == len(content)


async def test_an_index_that_cannot_be_written_leaves_nothing(
    library: Library, tmp_path: Path
) -> None:
    await library.save()
    with closing(sqlite3.connect(tmp_path / "grokgate.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            await library.save()

    assert len(library.names("tmp/image")) == 1


async def test_a_folder_that_cannot_be_written_is_told(library: Library) -> None:
    (library.folder / "tmp").write_text("in the way")

    with pytest.raises(StoreUnavailable):
        await library.pictures.save(one(PNG), kind="image", owner="k1")
