"""Pictures of an answer as items of a response."""

from typing import Any

import pytest

from grammar.played import asked, checked, kinds, output, stream, types
from grammar.turns import Services, read
from grokgate.upstream import (
    Asset,
    ImagePreview,
    ImageReady,
    ImageRefused,
    Progress,
    TextDelta,
    ThinkingDelta,
)
from grokgate_responses.answer.pictures import Picture
from grokgate_responses.request.tools import Tools

pytestmark = pytest.mark.anyio

DRAWING = Tools(images={"partial_images": 1, "size": "1024x1024"})


def test_picture_is_an_item_with_its_previews() -> None:
    script = [
        Picture(slot=0, data="cHJl", preview=True),
        Picture(slot=0, data="cHJlMg==", preview=True),
        Picture(slot=0, data="cGlj", format="jpeg"),
        TextDelta(text="There."),
    ]
    events = stream(script, request=asked(tools=DRAWING))

    picture, message = output(events)
    assert (picture["result"], picture["output_format"]) == ("cGlj", "jpeg")
    assert (picture["size"], message["status"]) == ("1024x1024", "completed")
    assert kinds(events).count("image_generation_call.partial_image") == 1


def test_pictures_do_not_interleave_with_anything() -> None:
    script = [
        ThinkingDelta(text="Draw."),
        Picture(slot=0, data="YQ==", preview=True),
        Progress(slot=0, percent=50),
        Picture(slot=1, data="Yg==", preview=True),
        Picture(slot=1, data="Yg=="),
        Picture(slot=0, data="YQ=="),
        TextDelta(text="There."),
        Picture(slot=2, data="Yw=="),
    ]
    events = stream(script, request=asked(tools=DRAWING))

    picture = "image_generation_call"
    assert types(events) == ["reasoning", picture, "reasoning", picture, "message", picture]
    assert [item.get("result") for item in output(events)] == [
        None, "YQ==", None, "Yg==", None, "Yw==",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "script",
    [
        [Picture(slot=0, data=None)],
        [Picture(slot=0, data="YQ==", preview=True)],
        [TextDelta(text="a"), Picture(slot=0, data=None)],
    ],
    ids=["withheld", "never_finished", "withheld_after_text"],
)
def test_picture_that_failed_is_told_and_the_answer_goes_on(script: list[Any]) -> None:
    events = stream(script, request=asked(tools=DRAWING))

    assert output(events)[-1]["status"] == "failed"
    assert kinds(events)[-1] == "completed"


async def test_pictures_are_fetched_with_the_account_that_made_them() -> None:
    def asset(ref: str) -> Asset:
        return Asset(ref=ref, account="a")

    services = Services(
        ImagePreview(slot=0, asset=asset("p")),
        ImageReady(slot=0, asset=asset("")),
        ImageReady(slot=1, asset=asset("gone")),
        ImageRefused(slot=2),
    )
    request = asked(tools=Tools(images={"partial_images": 1}))

    events = checked(await read(await services.turn(request)))

    pictures = events[-1]["response"]["output"]
    assert [picture["status"] for picture in pictures] == ["completed", "failed", "failed"]
    assert pictures[0]["result"] == "iVBORw0KGgo="
    assert kinds(events).count("image_generation_call.partial_image") == 1
