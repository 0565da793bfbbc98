import asyncio
import base64
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from grokgate.sandbox import (
    AccountFixture,
    AntiBot,
    ImagineError,
    Moderation,
    Nsfw,
    Pace,
    PartialImages,
    Sandbox,
    WindowFixture,
    WsDrop,
)
from grokgate.sandbox.faults import Action
from sandbox.sim_client import ask, headers
from sandbox.sim_socket import SocketTalk, connected

pytestmark = pytest.mark.anyio
PATH = "/ws/imagine/listen"
RESET = {
    "type": "conversation.item.create",
    "timestamp": 1785900000000,
    "item": {"type": "message", "content": [{"type": "reset"}]},
}


def _sandbox(protocol: Any = "2026-08", **fixture: Any) -> Sandbox:
    return Sandbox([AccountFixture(token="t", **fixture)], protocol=protocol)


def _wish(text: str = "a red kite", **properties: Any) -> dict[str, Any]:
    item = {
        "requestId": "r1",
        "text": text,
        "type": "input_text",
        "properties": {"aspect_ratio": "2:3", **properties},
    }
    return {
        "type": "conversation.item.create",
        "timestamp": 1785900000010,
        "item": {"type": "message", "content": [item]},
    }


@asynccontextmanager
async def _dialled(sandbox: Sandbox, *, reset: bool = True) -> AsyncIterator[SocketTalk]:
    sent = headers(cache_control="no-cache", pragma="no-cache")
    async with connected(sandbox.app, PATH, SocketTalk(), sent=sent) as talking:
        assert talking.accepted
        if reset:
            await _say(talking, RESET)
        yield talking


async def _say(talking: SocketTalk, wish: Any) -> None:
    await talking.say_text(wish if isinstance(wish, str) else json.dumps(wish))


async def _frames(sandbox: Sandbox, wish: Any, count: int, *, reset: bool = True) -> list[Any]:
    async with _dialled(sandbox, reset=reset) as talking:
        await _say(talking, wish)
        return [await talking.hear() for _ in range(count)]


def _stages(frames: list[Any], order: int = 0) -> list[Any]:
    return [
        frame.get("percentage_complete", frame.get("current_status"))
        for frame in frames
        if frame["order"] == order
    ]


async def test_picture_comes_in_stages_between_status_frames() -> None:
    frames = await _frames(_sandbox(), _wish(num_generations=1), 5)

    assert _stages(frames) == ["start_stage", 35, 70, 100, "completed"]
    assert {frame["request_id"] for frame in frames} == {"r1"}
    assert (frames[0]["width"], frames[0]["height"]) == (832, 1248)


async def test_stages_have_the_documented_lengths() -> None:
    frames = await _frames(_sandbox(), _wish(num_generations=1), 5)

    assert [len(frame["blob"]) for frame in frames[1:4]] == [8_000, 40_000, 120_000]
    assert [frame["url"][-4:] for frame in frames[1:4]] == [".png", ".png", ".jpg"]


@pytest.mark.parametrize("chars", [30_000, 30_004, 100_000, 100_004])
async def test_boundary_fixtures(chars: int) -> None:
    text = f"@sim medium_chars={chars} final_chars={chars}\na kite"
    frames = await _frames(_sandbox(), _wish(text, num_generations=1), 5)

    assert [len(frame["blob"]) for frame in frames[2:4]] == [chars, chars]


async def test_blobs_are_pictures() -> None:
    frames = await _frames(_sandbox(), _wish(num_generations=1), 5)
    preview, final = (base64.b64decode(frames[place]["blob"]) for place in (1, 3))

    assert preview.startswith(b"\x89PNG\r\n\x1a\n")
    assert final.startswith(b"\xff\xd8\xff\xe0")
    assert final.endswith(b"\xff\xd9")


async def test_oldest_generation_has_no_reset_and_no_status() -> None:
    frames = await _frames(_sandbox("2026-02"), _wish(), 18, reset=False)

    assert {frame["type"] for frame in frames} == {"image"}
    assert _stages(frames) == [35, 70, 100]


@pytest.mark.parametrize(("pro", "count"), [(False, 6), (True, 4)])
async def test_round_without_a_number(pro: Any, count: int) -> None:
    frames = await _frames(_sandbox(), _wish(enable_pro=pro), 5 * count)

    assert {frame["order"] for frame in frames} == set(range(count))


async def test_pictures_may_come_one_after_the_other() -> None:
    wish = _wish("@sim interleave=false\na kite", num_generations=2)
    frames = await _frames(_sandbox(), wish, 10)

    assert [frame["order"] for frame in frames] == [0] * 5 + [1] * 5


async def test_same_socket_takes_another_request() -> None:
    async with _dialled(_sandbox()) as talking:
        for _ in range(2):
            await _say(talking, _wish(num_generations=1))
        frames = [await talking.hear() for _ in range(10)]

    assert len({frame["id"] for frame in frames if frame["type"] == "image"}) == 2


async def test_finished_picture_is_public_and_listed() -> None:
    sandbox = _sandbox()
    frames = await _frames(sandbox, _wish(num_generations=1), 5)
    path = frames[3]["url"].removeprefix("http://127.0.0.1:9")
    answer = await ask(sandbox.app, "GET", path, sent={"host": "127.0.0.1:9"})

    assert base64.b64encode(answer.body).decode() == frames[3]["blob"]
    assert list(sandbox.accounts["t"].files) == [frames[3]["id"]]


@pytest.mark.parametrize(
    "wish",
    [
        "no json",
        {"type": "ping", "item": {"type": "message", "content": []}},
        _wish(aspect_ratio="7:5"),
        _wish(num_generations=11),
        _wish(" "),
        _wish("@sim nonsense=1"),
    ],
)
async def test_wrong_request_is_told(wish: Any) -> None:
    [frame] = await _frames(_sandbox(), wish, 1)

    assert (frame["type"], frame["err_code"]) == ("error", "invalid_request")


async def test_reset_comes_first() -> None:
    [frame] = await _frames(_sandbox(), _wish(), 1, reset=False)

    assert frame["err_msg"] == "reset is required"


async def test_older_generation_knows_fewer_ratios() -> None:
    [frame] = await _frames(_sandbox("2026-04"), _wish(aspect_ratio="4:3"), 1)

    assert frame["err_code"] == "invalid_request"


@pytest.mark.parametrize(("protocol", "units"), [("2026-08", 1), ("2026-04", 6)])
async def test_request_takes_units(protocol: Any, units: int) -> None:
    sandbox = _sandbox(protocol)
    await _frames(sandbox, _wish(num_generations=2), 10)
    window = sandbox.accounts["t"].imagine["image"]

    assert window.total - window.remaining == units


async def test_empty_window_is_told() -> None:
    empty = WindowFixture(total=0, window_s=60)
    [frame] = await _frames(_sandbox(imagine={"image": empty}), _wish(), 1)

    assert frame == {
        "type": "error",
        "err_code": "rate_limit_exceeded",
        "err_msg": "Rate limit exceeded, please try again later",
    }


async def test_imagine_error() -> None:
    sandbox = _sandbox()
    sandbox.rules.add(ImagineError(code="unauthorized"), endpoint="imagine")
    [frame] = await _frames(sandbox, _wish(), 1)

    assert frame["err_code"] == "unauthorized"


@pytest.mark.parametrize(
    ("action", "stages"),
    [
        (Moderation(), ["start_stage", 35, "completed"]),
        (Moderation(style="refusal_text"), ["start_stage", "completed"]),
        (Moderation(style="medium_no_final"), ["start_stage", 35, 70]),
        (PartialImages(deliver=0), ["start_stage", 35, 70]),
    ],
)
async def test_withheld_picture(action: Action, stages: list[Any]) -> None:
    sandbox = _sandbox()
    sandbox.rules.add(action, endpoint="imagine")
    frames = await _frames(sandbox, _wish(num_generations=1), len(stages))

    assert _stages(frames) == stages
    assert frames[-1].get("moderated", True) is True


async def test_only_named_slots_are_withheld() -> None:
    sandbox = _sandbox()
    sandbox.rules.add(Moderation(style="silent", slots="0,2"), endpoint="imagine")
    frames = await _frames(sandbox, _wish(num_generations=3), 5)

    assert {frame["order"] for frame in frames} == {1}


@pytest.mark.parametrize(
    ("nsfw", "stages"),
    [
        (Nsfw(), ["start_stage", 35, 70, 100, "completed"]),
        (Nsfw(ungranted="moderate"), ["start_stage", 35, "completed"]),
        (Nsfw(ungranted="block"), ["start_stage", 35, 70]),
        (Nsfw(ungranted="block", enabled=True), ["start_stage", 35, 70, 100, "completed"]),
    ],
)
async def test_request_beyond_the_preference(nsfw: Nsfw, stages: list[Any]) -> None:
    wish = _wish(num_generations=1, enable_nsfw=True)
    frames = await _frames(_sandbox(nsfw=nsfw), wish, len(stages))

    assert _stages(frames) == stages


async def test_socket_drops_after_some_frames() -> None:
    sandbox = _sandbox()
    sandbox.rules.add(WsDrop(frames=2, code=1011), endpoint="imagine")
    async with _dialled(sandbox) as talking:
        await _say(talking, _wish())
        await talking.until(lambda: talking.code is not None)

    assert (len(talking.frames), talking.code) == (2, 1011)


async def test_silent_upstream_answers_no_request() -> None:
    sandbox = _sandbox()
    sandbox.rules.add(AntiBot(place="silent"), endpoint="imagine", prompt="kite")
    async with _dialled(sandbox) as talking:
        await _say(talking, _wish())
        (exchange,) = sandbox.journal
        async with asyncio.timeout(5):
            while not exchange.faults:  # noqa: ASYNC110 - the journal tells of ends alone
                await asyncio.sleep(0)

        assert talking.frames == []


async def test_client_that_floods_a_busy_socket_is_cut_off() -> None:
    sandbox = _sandbox()
    sandbox.rules.add(Pace(stall="headers"), endpoint="imagine", prompt="kite")
    async with _dialled(sandbox) as talking:
        for _ in range(100):
            await _say(talking, _wish())
        await talking.until(lambda: talking.code is not None)

    assert talking.code == 1008


async def test_same_request_of_the_same_account_gets_the_same_picture() -> None:
    first, second = [await _frames(_sandbox(), _wish(num_generations=1), 5) for _ in range(2)]

    assert zlib.crc32(first[3]["blob"].encode()) == zlib.crc32(second[3]["blob"].encode())


async def test_pictures_of_one_prompt_differ() -> None:
    sandbox = _sandbox()
    first, second = [await _frames(sandbox, _wish(num_generations=1), 5) for _ in range(2)]

    assert first[3]["blob"] != second[3]["blob"]
