"""What is refused before anything is paid, and what the upstream is asked (F-VID-01 to 04)."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from grokgate.testing import RunningGateway
from grokgate.upstream import AccountFacts, Window
from plugins.video_world import (
    MIDDLE,
    MODEL,
    NEW,
    OLD,
    PATH,
    PNG,
    FreeAccounts,
    Held,
    asked,
    create,
    ended,
    finished,
    made,
    videos,
)

pytestmark = pytest.mark.anyio

PIXEL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
SOUND = f"data:audio/mpeg;base64,{base64.b64encode(b'ID3' + bytes(32)).decode()}"


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of this file share."""
    del anyio_backend
    async with videos(tokens={"t1": 5000}) as running:
        yield running


async def refused(running: RunningGateway, path: str = PATH, **fields: Any) -> tuple[Any, Any, Any]:
    """Post what must be refused; return status, code and param."""
    reply = await running.client.post(path, json={"prompt": "waves", **fields})
    error = reply.json().get("error") or {}
    assert running.fake.asked == []
    return reply.status_code, error.get("code"), error.get("param")


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"prompt": None}, "invalid_type", "prompt"),
        ({"prompt": "  "}, "invalid_value", "prompt"),
        ({"prompt": 5}, "invalid_type", "prompt"),
        ({"prompt": "a" * 32_001}, "string_above_max_length", "prompt"),
        ({"model": "grok-9"}, "model_not_found", "model"),
        ({"seconds": "long"}, "invalid_value", "seconds"),
        ({"seconds": "6.5"}, "invalid_value", "seconds"),
        ({"seconds": 6.5}, "invalid_type", "seconds"),
        ({"seconds": True}, "invalid_type", "seconds"),
        ({"seconds": "0"}, "integer_below_min_value", "seconds"),
        ({"seconds": -1}, "integer_below_min_value", "seconds"),
        ({"seconds": 17}, "integer_above_max_value", "seconds"),
        ({"seconds": "31"}, "integer_above_max_value", "seconds"),
        ({"seconds": "9" * 40}, "integer_above_max_value", "seconds"),
        ({"seconds": 31, "model": "grok-9"}, "integer_above_max_value", "seconds"),
        ({"size": "big", "model": "grok-9"}, "invalid_value", "size"),
        ({"preset": "spicy", "model": "grok-9"}, "model_not_found", "model"),
        ({"model": ""}, "model_not_found", "model"),
        ({"size": "big"}, "invalid_value", "size"),
        ({"size": "0x720"}, "invalid_value", "size"),
        ({"size": "7:3"}, "invalid_value", "size"),
        ({"aspect_ratio": "4:3"}, "invalid_value", "aspect_ratio"),
        ({"resolution_name": "1080p"}, "unsupported_value", "resolution_name"),
        ({"resolution_name": "8k"}, "invalid_value", "resolution_name"),
        ({"preset": "wild"}, "invalid_value", "preset"),
        ({"preset": "spicy"}, "unsupported_value", "preset"),
        ({"input_reference": {}}, "missing_required_parameter", "input_reference.image_url"),
        ({"input_reference": [PIXEL] * 8}, "too_many_attachments", "input_reference"),
        ({"image_url": "no base64!"}, "invalid_base64", "image_url"),
        ({"image_url": SOUND}, "unsupported_file_type", "image_url"),
        ({"input_reference": {"file_id": "file-1"}}, "file_not_found", "input_reference.file_id"),
    ],
)
async def test_a_fault_is_named_and_nothing_is_paid(
    running: RunningGateway, fields: dict[str, Any], code: str, param: str
) -> None:
    before = running.pool.units
    status, found, where = await refused(running, **fields)

    assert (found, where) == (code, param)
    assert status == (404 if code.endswith("not_found") else 400)
    assert running.pool.units == before


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"seconds": 20}, "seconds"),
        ({"resolution_name": "1080p"}, "resolution_name"),
        ({"image_url": PIXEL}, "input_reference"),
    ],
)
async def test_what_the_newest_profile_lacks_is_refused(fields: Any, param: str) -> None:
    async with videos(protocol=NEW) as running:
        assert await refused(running, **fields) == (400, "unsupported_value", param)


async def test_longer_videos_need_the_operators_leave() -> None:
    async with videos(settings={"grok.video_extension": False}) as running:
        assert await refused(running, seconds=20) == (400, "unsupported_value", "seconds")


@pytest.mark.parametrize(
    ("protocol", "asked_for", "lengths", "seconds"),
    [
        (OLD, None, [6], "6"),
        (OLD, 1, [6], "6"),
        (OLD, "8", [6], "6"),
        (OLD, 9, [10], "10"),
        (OLD, 12, [6, 6], "12"),
        (OLD, 13, [15], "15"),
        (MIDDLE, 16, [10, 6], "16"),
        (MIDDLE, 20, [10, 10], "20"),
        (MIDDLE, 30, [10, 10, 10], "30"),
        (NEW, 7, [7], "7"),
        (NEW, 12, [12], "12"),
    ],
)
async def test_a_length_becomes_one_that_can_be_made(
    protocol: str, asked_for: Any, lengths: list[int], seconds: str
) -> None:
    answers = [made(f"v{place}") for place in range(1, len(lengths) + 1)]
    async with videos(*answers, protocol=protocol) as running:
        video = await create(running, seconds=asked_for)
        done = await ended(running, video["id"])
        calls = [asked(running, place) for place in range(len(lengths))]

    assert [call.seconds for call in calls] == lengths
    assert (video["seconds"], done["seconds"]) == (seconds, seconds)
    assert [call.extends for call in calls] == [None, "v1", "v2"][: len(calls)]
    assert [call.original for call in calls[1:]] == ["v1"] * (len(calls) - 1)
    assert [call.start_s for call in calls] == [sum(lengths[:n]) for n in range(len(calls))]


@pytest.mark.parametrize(
    ("fields", "made_as"),
    [
        ({"seconds": 10}, (6, "480p", False)),
        ({"resolution_name": "HD"}, (6, "480p", True)),
        ({"resolution_name": "SD"}, (6, "480p", False)),
    ],
)
async def test_free_accounts_make_what_they_may(fields: Any, made_as: Any) -> None:
    async with videos(made(), upstream=FreeAccounts()) as running:
        done = await finished(running, **fields)
        call = asked(running)

    assert (call.seconds, call.resolution, call.upscale) == made_as
    assert done["seconds"] == "6"


async def test_lengths_of_paid_plans_need_such_an_account() -> None:
    async with videos(upstream=FreeAccounts()) as running:
        assert await refused(running, seconds=20) == (503, "no_tokens_configured", None)


async def test_where_all_better_accounts_are_busy_a_free_one_makes_what_it_may() -> None:
    """F-VID-02; the paid account makes one video, and may make no more meanwhile."""
    held, settings = Held(), {"token.max_inflight": 1, "limits.queue_wait_sec": 0.01}
    async with videos(
        held, made("v2"), upstream=FreeAccounts(), tokens={}, settings=settings
    ) as running:
        await import_accounts(running, ssoSuper="paid", ssoBasic="free")
        first = await create(running, seconds=10)
        await held.reached.wait()
        second = await finished(running, seconds=10)
        held.released.set()
        done = await ended(running, first["id"])

    assert (done["seconds"], second["seconds"]) == ("10", "6")
    assert len({one.account for one in running.fake.asked}) == 2


async def import_accounts(running: RunningGateway, **pools: str) -> None:
    for pool, token in pools.items():
        text = json.dumps({pool: [{"token": token, "upstream": "web"}]})
        (added,) = (await running.gateway.tokens.import_text(text)).added
        facts = AccountFacts(windows={"default": Window(remaining=100)})
        since = running.gateway.home.survey_begun(added)
        running.gateway.home.learned(added, facts, since=since, asked=frozenset({"default"}))


async def test_480p_needs_a_paid_plan_in_the_newest_profile() -> None:
    async with videos(upstream=FreeAccounts(), protocol=NEW) as running:
        assert await refused(running, resolution_name="480p") == (
            503,
            "no_tokens_configured",
            None,
        )


@pytest.mark.parametrize(
    ("fields", "ratio", "size"),
    [
        ({}, "9:16", "720x1280"),
        ({"size": "auto"}, "9:16", "720x1280"),
        ({"size": "1792x1024"}, "16:9", "1792x1024"),
        ({"size": "1024x1024"}, "1:1", "1024x1024"),
        ({"size": "3:2"}, "3:2", "1536x1024"),
        ({"size": "720x1280", "aspect_ratio": "16:9"}, "16:9", "1280x720"),
    ],
)
async def test_the_ratio_follows_from_the_size(
    running: RunningGateway, fields: Any, ratio: str, size: str
) -> None:
    running.fake.add(made())
    done = await finished(running, **fields)

    assert (asked(running).ratio, done["size"]) == (ratio, size)


async def test_pictures_go_along_in_their_order(running: RunningGateway) -> None:
    running.fake.add(made())
    await finished(running, input_reference=[PIXEL, {"image_url": PIXEL}], image_url=PIXEL)

    assert [blob.mime for blob in asked(running).references] == ["image/png"] * 3


async def test_a_form_brings_texts_and_files() -> None:
    fields = {"prompt": "waves", "model": MODEL, "seconds": "10", "size": "1280x720"}
    async with videos(made()) as running:
        reply = await running.client.post(
            PATH,
            data=fields,
            files=[
                ("input_reference", ("", PNG, "image/png")),
                ("input_reference[]", ("b.png", PNG)),
            ],
        )
        await ended(running, reply.json()["id"])
        call = asked(running)

    assert (call.prompt, call.seconds, call.ratio) == ("waves", 10, "16:9")
    assert [blob.size for blob in call.references] == [len(PNG)] * 2


async def test_a_file_that_is_no_picture_is_refused(running: RunningGateway) -> None:
    reply = await running.client.post(
        PATH, data={"prompt": "waves"}, files={"input_reference": ("a.mp3", b"ID3" + bytes(40))}
    )

    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, "input_reference")
    assert error["code"] in ("unsupported_file_type", "invalid_image")


async def test_a_preset_goes_along(running: RunningGateway) -> None:
    running.fake.add(made())
    await finished(running, preset="fun", resolution_name="720p")
    call = asked(running)

    assert (call.preset, call.resolution) == ("fun", "720p")
