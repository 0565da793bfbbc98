"""Videos by the OpenAI Python SDK, in strict validation, from a real server process."""

import base64
from typing import Any

import openai
import pytest
from openai import OpenAI

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

MODEL: Any = "grok-imagine-1.0-video"
SLOW = "@sim delay_ms=20000\nA slow river"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJ"
    "RU5ErkJggg=="
)


def made(client: OpenAI, prompt: str = "Waves at dusk") -> Any:
    return client.videos.create_and_poll(prompt=prompt, model=MODEL, poll_interval_ms=20)


def test_a_video_is_created_polled_and_downloaded(client: OpenAI) -> None:
    created = client.videos.create(prompt="A kite", model=MODEL, seconds="8", size="1280x720")
    done = client.videos.poll(created.id, poll_interval_ms=20)
    video = client.videos.download_content(done.id).read()
    poster = client.videos.download_content(done.id, variant="thumbnail").read()

    assert (created.status, created.size, created.seconds) == ("queued", "1280x720", "8")
    assert (done.status, done.progress, done.error) == ("completed", 100, None)
    assert done.completed_at
    assert video[4:8] == b"ftyp"
    assert poster.startswith(b"\xff\xd8")


def test_what_is_absent_has_its_default(client: OpenAI) -> None:
    created = client.videos.create(prompt="A kite")

    assert (created.model, created.seconds, created.size) == (MODEL, "6", "720x1280")


def test_videos_are_listed_page_by_page(client: OpenAI) -> None:
    ids = [made(client).id for _ in range(3)]
    page = client.videos.list(limit=1)
    found = [video.id for _, video in zip(range(3), client.videos.list(limit=2), strict=False)]

    assert (page.data[0].id, page.has_more) == (ids[-1], True)
    assert found == ids[::-1]


def test_a_deleted_video_is_gone(client: OpenAI) -> None:
    video = made(client)
    deleted = client.videos.delete(video.id)

    assert (deleted.id, deleted.deleted, deleted.object) == (video.id, True, "video.deleted")
    with pytest.raises(openai.NotFoundError) as caught:
        client.videos.retrieve(video.id)
    assert caught.value.code == "video_not_found"


def test_content_is_not_ready_before_the_end(client: OpenAI) -> None:
    video = client.videos.create(prompt=SLOW, model=MODEL)
    with pytest.raises(openai.ConflictError) as caught:
        client.videos.download_content(video.id)
    client.videos.delete(video.id)

    assert caught.value.code == "video_not_ready"


def test_a_remix_is_refused(client: OpenAI) -> None:
    video = made(client)
    with pytest.raises(openai.BadRequestError) as caught:
        client.videos.remix(video.id, prompt="At dawn")

    assert caught.value.code == "unsupported_value"


def test_what_the_upstream_lacks_is_not_found(client: OpenAI) -> None:
    source: Any = ("film.mp4", b"\x00\x00\x00\x18ftypmp42", "video/mp4")
    with pytest.raises(openai.NotFoundError) as edited:
        client.videos.edit(prompt="At dawn", video=source)
    with pytest.raises(openai.NotFoundError) as extended:
        client.videos.extend(prompt="On", seconds="8", video=source)
    with pytest.raises(openai.NotFoundError) as character:
        client.videos.get_character("c1")

    codes = {caught.value.code for caught in (edited, extended, character)}
    assert codes == {"endpoint_not_supported"}


def test_pictures_need_a_profile_that_takes_them(client: OpenAI) -> None:
    reference: Any = ("start.png", PNG)
    with pytest.raises(openai.BadRequestError) as caught:
        client.videos.create(prompt="A kite", model=MODEL, input_reference=reference)

    assert (caught.value.code, caught.value.param) == ("unsupported_value", "input_reference")


def test_a_fault_names_its_field(client: OpenAI) -> None:
    seconds: Any = "31"
    with pytest.raises(openai.BadRequestError) as caught:
        client.videos.create(prompt="A kite", model=MODEL, seconds=seconds)

    assert (caught.value.code, caught.value.param) == ("integer_above_max_value", "seconds")
