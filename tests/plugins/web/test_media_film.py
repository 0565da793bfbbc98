"""Videos, against the sandbox."""

import json
from contextlib import aclosing
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from grokgate.sandbox import faults
from grokgate.upstream import (
    Finished,
    Kind,
    Progress,
    Stage,
    Started,
    VideoReady,
    VideoRequest,
    Wire,
)
from plugins.web.media_world import DONE, FILM, PICTURE, PROTOCOLS, content, of, played, world

pytestmark = pytest.mark.anyio

WAVES = VideoRequest(prompt="waves at dusk", seconds=6)
OLD = Wire(name="grok-3", buckets=("video",))


def config(call: Any) -> dict[str, Any]:
    """Return what an older call says of the video."""
    metadata = json.loads(call.body)["responseMetadata"]
    return dict(metadata["modelConfigOverride"]["modelMap"]["videoGenModelConfig"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_video(protocol: Any, log: Any, clock: Any) -> None:
    async with world(protocol, FILM, log=log, clock=clock) as here:
        events, outcome = await played(here.session.film(WAVES))
        [ready] = of(events, VideoReady)
        video = await content(here.session, ready.asset)
        poster = await content(here.session, ready.poster)

    assert (outcome, events[-1]) == (DONE, Finished())
    assert isinstance(events[0], Started)
    assert [event.percent for event in of(events, Progress)] == [25, 75]
    assert (video[4:8], poster[:3]) == (b"ftyp", b"\xff\xd8\xff")
    assert (ready.asset.mime, ready.asset.account) == ("video/mp4", "a1")
    assert here.limits.drift == []
    assert here.limits.sent_count == 1


async def test_order_of_the_first_generation(log: Any, clock: Any) -> None:
    wanted = replace(WAVES, preset="spicy", ratio="1:1", resolution="720p")
    async with world("2026-02", OLD, log=log, clock=clock) as here:
        await played(here.session.film(wanted))
        [post], [call] = here.calls("post"), here.calls("chat")
        [parent] = here.account.posts

    assert json.loads(post.body) == {
        "mediaType": "MEDIA_POST_TYPE_VIDEO",
        "prompt": "waves at dusk",
    }
    assert json.loads(call.body) == {
        "temporary": True,
        "modelName": "grok-3",
        "message": "waves at dusk --mode=extremely-spicy-or-crazy",
        "toolOverrides": {"videoGen": True},
        "enableSideBySide": True,
        "responseMetadata": {
            "experiments": [],
            "modelConfigOverride": {
                "modelMap": {
                    "videoGenModelConfig": {
                        "parentPostId": parent,
                        "aspectRatio": "1:1",
                        "videoLength": 6,
                        "videoResolution": "HD",
                    }
                }
            },
        },
    }


async def test_order_of_the_second_generation(log: Any, clock: Any) -> None:
    async with world("2026-04", OLD, log=log, clock=clock) as here:
        await played(here.session.film(WAVES))
        [call] = here.calls("chat")

    assert config(call).pop("parentPostId")
    assert {name: config(call)[name] for name in ("aspectRatio", "resolutionName")} == {
        "aspectRatio": "3:2",
        "resolutionName": "480p",
    }


async def test_order_of_the_newest_generation(log: Any, clock: Any) -> None:
    async with world("2026-08", FILM, log=log, clock=clock) as here:
        await played(here.session.film(replace(WAVES, seconds=15)))
        [call] = here.calls("chat")

    assert json.loads(call.body) == {
        "modelName": "imagine-video-gen",
        "message": "waves at dusk --mode=custom",
        "enableImageStreaming": True,
        "enableSideBySide": True,
        "sendFinalMetadata": True,
        "responseMetadata": {"experiments": [], "modelConfigOverride": {"modelMap": {}}},
        "mediaGenInput": {
            "textToVideo": {
                "prompt": "waves at dusk",
                "aspectRatio": "16:9",
                "duration": 15,
                "resolutionName": "720p",
            }
        },
        "kind": "CONVERSATION_KIND_IMAGINE",
    }


@pytest.mark.parametrize("count", [1, 2])
async def test_video_from_pictures(count: int, log: Any, clock: Any) -> None:
    async with world("2026-04", FILM, log=log, clock=clock) as here:
        events, outcome = await played(
            here.session.film(replace(WAVES, references=(PICTURE,) * count))
        )
        [post], [call] = here.calls("post"), here.calls("chat")

    sent = config(call)
    assert (outcome, len(of(events, VideoReady))) == (DONE, 1)
    assert json.loads(post.body)["mediaType"] == "MEDIA_POST_TYPE_IMAGE"
    assert sent.get("isReferenceToVideo") is (True if count > 1 else None)
    assert len(sent.get("imageReferences", ())) == (count if count > 1 else 0)


async def test_continuation(log: Any, clock: Any) -> None:
    async with world("2026-04", FILM, log=log, clock=clock) as here:
        first = of((await played(here.session.film(WAVES)))[0], VideoReady)[0].asset.ref
        more = replace(WAVES, extends=first, start_s=6)
        second = of((await played(here.session.film(more)))[0], VideoReady)[0].asset.ref
        last = replace(WAVES, extends=second, original=first, start_s=12.5)
        _, outcome = await played(here.session.film(last))
        calls = here.calls("chat")

    ids = [ref.split("/")[3] for ref in (first, second)]
    sent = config(calls[2])
    assert outcome == DONE
    assert len(here.calls("post")) == 1
    assert calls[2].header("referer").endswith(f"/imagine/post/{ids[1]}")
    assert [sent["parentPostId"], sent["extendPostId"], sent["originalPostId"]] == [
        ids[1], ids[1], ids[0],
    ]  # fmt: skip
    assert (config(calls[1])["videoExtensionStartTime"], sent["videoExtensionStartTime"]) == (
        6, 12.5,
    )  # fmt: skip
    assert sent["isVideoExtension"] is sent["stitchWithExtendPostId"] is True


async def test_sharper_video(log: Any, clock: Any) -> None:
    async with world("2026-04", FILM, log=log, clock=clock) as here:
        events, _ = await played(here.session.film(replace(WAVES, upscale=True)))
        [ready] = of(events, VideoReady)
        video = await content(here.session, ready.asset)
        [chat], [upscale] = here.calls("chat"), here.calls("upscale")

    assert ready.asset.ref.endswith("/generated_video_hd.mp4")
    assert video[4:8] == b"ftyp"
    assert chat.closed_s <= upscale.started_s, "the conversation is over"


async def test_video_stays_as_it_is_where_sharpening_fails(log: Any, clock: Any) -> None:
    async with world("2026-04", FILM, log=log, clock=clock) as here:
        here.sandbox.rules.add(faults.HttpStatus(code=500), endpoint="upscale")
        events, outcome = await played(here.session.film(replace(WAVES, upscale=True)))

    assert outcome == DONE
    assert of(events, VideoReady)[0].asset.ref.endswith("/generated_video.mp4")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("style", ["flag", "medium_no_final", "silent", "refusal_text"])
async def test_withheld_video(protocol: Any, style: Any, log: Any, clock: Any) -> None:
    fault = faults.Moderation(style=style)
    async with world(protocol, FILM, log=log, clock=clock) as here:
        here.sandbox.rules.add(fault, endpoint="chat")
        events, observed = await played(here.session.film(WAVES))

    assert observed.kind in fault.expected.kinds
    assert (observed.stage, of(events, VideoReady)) == (Stage.CONTENT, [])


@pytest.mark.parametrize(
    ("form", "kind"), [("invalid_parent", Kind.BAD_REQUEST), ("empty_id", Kind.MALFORMED)]
)
async def test_video_needs_its_post(form: Any, kind: Kind, log: Any, clock: Any) -> None:
    fault = faults.PostError(form=form)
    async with world("2026-04", FILM, log=log, clock=clock) as here:
        here.sandbox.rules.add(fault, endpoint="post")
        _, observed = await played(here.session.film(WAVES))

    assert fault.expected.admits(observed)
    assert (observed.operation, observed.kind) == ("film", kind)
    assert (here.calls("chat"), here.limits.sent_count) == ([], 0)


FAULTS = (
    faults.HttpStatus(code=429),
    faults.HttpStatus(code=500),
    faults.AccountState(),
    faults.CfChallenge(),
    faults.AntiBot(),
    faults.AntiBot(place="in_band"),
    faults.RateLimit(place="in_band"),
    faults.RateLimit(place="stream_error"),
    faults.ErrorAfter200(code=13),
    faults.ErrorAfter200(code=13, place="middle"),
    faults.ErrorAfter200(code=8, form="model_response"),
    faults.Cut(lines=2, mode="reset"),
    faults.Cut(lines=6, mode="reset"),
    faults.Cut(lines=6),
    faults.Malformed(form="types"),
    faults.Framing(form="data"),
    faults.Framing(form="glued", chunk_bytes=1),
    faults.Nested(),
)


@pytest.mark.parametrize("protocol", ["2026-02", "2026-08"])
@pytest.mark.parametrize("fault", FAULTS, ids=repr)
async def test_fault_is_observed_as_expected(
    protocol: Any, fault: Any, log: Any, clock: Any
) -> None:
    async with world(protocol, FILM, log=log, clock=clock) as here:
        here.sandbox.rules.add(fault, endpoint="chat")
        _, observed = await played(here.session.film(WAVES))

    assert fault.expected.admits(observed), (observed, fault.expected)


async def test_silence(log: Any, clock: Any) -> None:
    fault = faults.Pace(stall="line", lines=7)
    async with world("2026-08", FILM, log=log, clock=clock, idle_s=0.3) as here:
        here.sandbox.rules.add(fault, endpoint="chat")
        _, observed = await played(here.session.film(WAVES))

    assert (observed.kind, observed.stage) == (Kind.TIMEOUT, Stage.CONTENT)


@pytest.mark.parametrize(
    ("protocol", "wanted"),
    [
        ("2026-04", replace(WAVES, prompt=" ")),
        ("2026-04", replace(WAVES, resolution="1080p")),
        ("2026-04", replace(WAVES, extends="nothing")),
        ("2026-08", replace(WAVES, references=(PICTURE,))),
        ("2026-08", replace(WAVES, extends="7d1c0c5e-2f6b-4b0e-9a53-0d8f5f0e1a11")),
        ("2026-08", replace(WAVES, upscale=True)),
    ],
)
async def test_what_a_profile_does_not_offer(
    protocol: Any, wanted: Any, log: Any, clock: Any
) -> None:
    async with world(protocol, FILM, log=log, clock=clock) as here:
        _, observed = await played(here.session.film(wanted))

    assert (observed.kind, observed.stage) == (Kind.BAD_REQUEST, Stage.UNSENT)
    assert not list(here.sandbox.journal)


async def test_closing_ends_the_call_at_once(log: Any, clock: Any) -> None:
    async with world("2026-08", FILM, log=log, clock=clock) as here:
        here.sandbox.rules.add(faults.Pace(gap_ms=200), endpoint="chat")
        with anyio.fail_after(5):
            async with aclosing(here.session.film(WAVES)) as events:
                async for event in events:
                    if isinstance(event, Progress):
                        break
            await here.sandbox.journal.until(
                lambda: all(call.closed_s for call in here.calls("chat"))
            )
        [call] = here.calls("chat")

    assert call.outcome == "abandoned"
