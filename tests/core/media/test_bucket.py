"""The same store over a bucket (F-FILE-09)."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from core.media.bucket import Bucket, bucket
from core.media.library import MB, one, whole
from grokgate.errors import StateError, StoreUnavailable
from grokgate.media import ByteStore
from grokgate.testing.server import serving

pytestmark = pytest.mark.anyio

KEY = "tmp/video/a.mp4"


async def test_a_file_of_several_parts_is_read_back_and_removed() -> None:
    content = bytes(range(256)) * (11 * MB // 256)
    async with bucket() as (kept, client):
        store = ByteStore(client)
        size = await store.put(KEY, one(content))
        names = list(kept.objects)
        part = await whole(await store.read(KEY, start=3, end=6 * MB))
        await store.remove([KEY])
        await store.remove([KEY])

    assert size == len(content)
    assert names == [f"/media/gw/{KEY}"]
    assert part == content[3 : 6 * MB]
    assert (kept.objects, kept.uploads) == ({}, {})


async def test_a_source_that_breaks_leaves_nothing() -> None:
    async def breaking() -> AsyncGenerator[bytes, None]:
        yield bytes(6 * MB)
        raise KeyError("mine")

    async with bucket() as (kept, client):
        with pytest.raises(KeyError, match="mine"):
            await ByteStore(client).put(KEY, breaking())

    assert (kept.objects, kept.uploads) == ({}, {})


async def test_what_is_not_there_is_told() -> None:
    async with bucket() as (_, client):
        with pytest.raises(FileNotFoundError):
            await ByteStore(client).read(KEY, start=0, end=1)


async def test_its_files_are_not_listed() -> None:
    async with bucket() as (_, client):
        store = ByteStore(client)
        await store.put(KEY, one(b"x"))

        assert [found async for found in store.listing("tmp/video")] == []


async def test_a_bucket_that_does_not_answer_is_told() -> None:
    async with bucket() as (_, client):
        pass

    with pytest.raises(StoreUnavailable):
        await ByteStore(client).read(KEY, start=0, end=1)


async def test_check_of_a_bucket_leaves_nothing() -> None:
    async with bucket() as (kept, client):
        await ByteStore(client).check()

    assert (kept.objects, kept.uploads) == ({}, {})


async def test_check_of_a_bucket_that_does_not_answer_says_what_to_correct() -> None:
    async with bucket() as (_, client):
        pass

    with pytest.raises(StateError, match=r"storage\.media_url cannot be written \(GenericError\)"):
        await ByteStore(client).check()


async def test_a_bucket_is_named_by_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(kept := Bucket()) as base:
        for name, value in {
            "AWS_ENDPOINT_URL": base,
            "AWS_REGION": "here",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }.items():
            monkeypatch.setenv(name, value)
        await ByteStore.open("s3://media/a/b/", data_dir=tmp_path).put(KEY, one(b"x"))

    assert list(kept.objects) == [f"/media/a/b/{KEY}"]
