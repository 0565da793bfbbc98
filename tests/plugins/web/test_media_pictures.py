"""Pictures that a conversation draws, and changed ones, against the sandbox."""

import json
from typing import Any

import pytest

from grokgate.sandbox import faults
from grokgate.upstream import (
    Conversation,
    Finished,
    ImagePreview,
    ImageReady,
    ImageRefused,
    ImageRequest,
    Kind,
    Message,
    Progress,
    Stage,
    Started,
    Text,
    TextDelta,
    UpstreamFailure,
)
from plugins.web.media_world import (
    DONE,
    DRAW,
    EDIT,
    PICTURE,
    PROTOCOLS,
    SOCKET,
    content,
    of,
    played,
    world,
)

pytestmark = pytest.mark.anyio

KITE = ImageRequest(prompt="a red kite", count=2)
BLUE = ImageRequest(prompt="make the kite blue", count=2, references=(PICTURE,), method="edit")
JPEG = b"\xff\xd8\xff"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_conversation_draws_two_pictures(protocol: Any, log: Any, clock: Any) -> None:
    async with world(protocol, DRAW[protocol], log=log, clock=clock) as here:
        events, outcome = await played(here.session.imagine(KITE))
        ready = of(events, ImageReady)
        files = [await content(here.session, event.asset) for event in ready]

    assert (outcome, events[0], events[-1]) == (
        DONE,
        Started(fingerprint=events[0].fingerprint),
        Finished(),
    )
    assert [event.slot for event in ready] == [0, 1]
    assert all(file.startswith(JPEG) for file in files)
    assert {event.asset.account for event in ready} == {"a1"}
    assert of(events, Progress)
    assert not of(events, TextDelta)
    assert not of(events, ImagePreview)
    assert here.limits.drift == []
    assert here.limits.sent_count == 1


PREFIXES = {"2026-02": "Image Generation: ", "2026-04": "Drawing: ", "2026-08": "Drawing: "}


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_prefix_is_the_generations(protocol: Any, log: Any, clock: Any) -> None:
    async with world(protocol, DRAW[protocol], log=log, clock=clock) as here:
        await played(here.session.imagine(KITE))
        said = here.said()

    assert PREFIXES[protocol] + "a red kite" in said


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_first_finished_picture_is_enough(protocol: Any, log: Any, clock: Any) -> None:
    async with world(protocol, DRAW[protocol], log=log, clock=clock) as here:
        events, _ = await played(here.session.imagine(ImageRequest(prompt="a kite")))

    assert [event.slot for event in of(events, ImageReady)] == [0]
    assert events[-1] == Finished()


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_previews_are_told_where_wanted(protocol: Any, log: Any, clock: Any) -> None:
    wanted = ImageRequest(prompt="a kite", count=2, previews=True)
    async with world(protocol, DRAW[protocol], log=log, clock=clock) as here:
        events, _ = await played(here.session.imagine(wanted))
        previews = of(events, ImagePreview)
        shown = [await content(here.session, event.asset) for event in previews]

    assert [event.slot for event in previews] == [0, 1]
    assert all("-part-0" in event.asset.ref for event in previews)
    assert all(file.startswith(JPEG) for file in shown)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_attached_pictures_are_changed_by_a_conversation(
    protocol: Any, log: Any, clock: Any
) -> None:
    wanted = ImageRequest(prompt="blue", count=1, references=(PICTURE,))
    async with world(protocol, DRAW[protocol], log=log, clock=clock) as here:
        events, outcome = await played(here.session.imagine(wanted))
        said = here.said()

    assert (outcome, len(of(events, ImageReady))) == (DONE, 1)
    assert "Image Edit: blue" in said


async def test_card_of_a_product_names_the_model_that_draws(log: Any, clock: Any) -> None:
    wire = EDIT.__class__(name="imagine-image-edit", buckets=("fast",), params={"chat": "fast"})
    async with world("2026-04", wire, log=log, clock=clock) as here:
        _, outcome = await played(here.session.imagine(KITE))

    assert outcome == DONE


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("style", ["flag", "medium_no_final", "refusal_text"])
async def test_withheld_pictures_are_moderation(
    protocol: Any, style: Any, log: Any, clock: Any
) -> None:
    wanted = ImageRequest(prompt=f"a kite\n@sim fault=moderation style={style}", count=2)
    async with world(protocol, DRAW[protocol], log=log, clock=clock) as here:
        events, observed = await played(here.session.imagine(wanted))

    assert faults.Moderation(style=style).expected.admits(observed)
    refused = [] if style == "refusal_text" else [0, 1]
    assert [event.slot for event in of(events, ImageRefused)] == refused
    assert {event.blocked for event in of(events, ImageRefused)} <= {style == "medium_no_final"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_conversation_whose_pictures_are_all_withheld_is_moderated(
    protocol: Any, log: Any, clock: Any
) -> None:
    said = "Draw it.\n@sim scenario=image image=2 fault=moderation style=medium_no_final"
    wanted = Conversation(messages=(Message(role="user", parts=(Text(text=said),)),))
    async with world(protocol, DRAW[protocol], log=log, clock=clock) as here:
        events, observed = await played(here.session.converse(wanted))

    assert (observed.kind, observed.operation) == (Kind.MODERATION, "converse")
    assert not of(events, ImageReady)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_one_withheld_picture_leaves_the_other(protocol: Any, log: Any, clock: Any) -> None:
    wanted = ImageRequest(prompt="a kite\n@sim fault=moderation slots=0", count=2)
    async with world(protocol, DRAW[protocol], log=log, clock=clock) as here:
        events, outcome = await played(here.session.imagine(wanted))

    assert outcome == DONE
    assert (len(of(events, ImageReady)), len(of(events, ImageRefused))) == (1, 1)
    assert events[-1] == Finished()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("method", ["draw", "edit"])
async def test_card_without_quota_is_a_refusal(
    protocol: Any, method: str, log: Any, clock: Any
) -> None:
    fault = faults.RateLimit(place="card")
    wire, wanted = (DRAW[protocol], KITE) if method == "draw" else (EDIT, BLUE)
    async with world(protocol, wire, log=log, clock=clock) as here:
        here.sandbox.rules.add(fault, endpoint="chat")
        _, observed = await played(here.session.imagine(wanted))

    assert (observed.kind, observed.stage) == (Kind.QUOTA, Stage.REFUSED)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_pictures_of_an_ordinary_answer_are_told(protocol: Any, log: Any, clock: Any) -> None:
    async with world(protocol, DRAW[protocol], log=log, clock=clock) as here:
        asked = Conversation.of_text("@sim scenario=image image=3")
        events, outcome = await played(here.session.converse(asked))

    assert outcome == DONE
    assert [event.slot for event in of(events, ImageReady)] == [0, 1, 2]
    assert of(events, TextDelta)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_edit(protocol: Any, log: Any, clock: Any) -> None:
    async with world(protocol, EDIT, log=log, clock=clock) as here:
        events, outcome = await played(here.session.imagine(BLUE))
        ready = of(events, ImageReady)
        files = [await content(here.session, event.asset) for event in ready]

    assert (outcome, events[-1]) == (DONE, Finished())
    assert len(ready) == (1 if protocol == "2026-08" else 2)
    assert all(file.startswith(JPEG) for file in files)
    assert here.limits.drift == []


async def test_older_edit_names_addresses_and_a_post(log: Any, clock: Any) -> None:
    wanted = ImageRequest(prompt="blue", references=(PICTURE, PICTURE), method="edit")
    async with world("2026-04", EDIT, log=log, clock=clock) as here:
        await played(here.session.imagine(wanted))
        [post], [call] = here.calls("post"), here.calls("chat")
        posts = list(here.account.posts)

    sent = json.loads(call.body)["responseMetadata"]["modelConfigOverride"]["modelMap"]
    references = sent["imageEditModelConfig"]["imageReferences"]
    assert len(references) == 2
    assert json.loads(post.body)["mediaUrl"] == references[0]
    assert references[0].startswith(f"{here.base}/__assets/users/")
    assert [sent["imageEditModelConfig"]["parentPostId"]] == posts


async def test_newest_edit_says_these_fields_and_no_others(log: Any, clock: Any) -> None:
    wanted = ImageRequest(prompt="blue", ratio="1:1", references=(PICTURE,), method="edit")
    async with world("2026-08", EDIT, log=log, clock=clock) as here:
        await played(here.session.imagine(wanted))
        [call] = here.calls("chat")
        [file] = [name for name, kept in here.account.files.items() if kept.source]

    assert json.loads(call.body) == {
        "modelName": "imagine-image-edit",
        "message": "blue",
        "enableImageStreaming": True,
        "enableSideBySide": True,
        "sendFinalMetadata": True,
        "mediaGenInput": {
            "imageToImage": {"prompt": "blue", "inputAssets": [file], "aspectRatio": "1:1"}
        },
    }


@pytest.mark.parametrize("form", ["invalid_parent", "empty_id"])
async def test_edit_does_without_a_post(form: Any, log: Any, clock: Any) -> None:
    async with world("2026-04", EDIT, log=log, clock=clock) as here:
        here.sandbox.rules.add(faults.PostError(form=form), endpoint="post")
        _, outcome = await played(here.session.imagine(BLUE))
        [call] = here.calls("chat")
        [file] = [name for name, kept in here.account.files.items() if not kept.path]

    sent = json.loads(call.body)["responseMetadata"]["modelConfigOverride"]["modelMap"]
    assert outcome == DONE
    assert sent["imageEditModelConfig"]["parentPostId"] == file


async def test_refused_edit_is_said_in_the_other_form(log: Any, clock: Any) -> None:
    async with world("2026-02", EDIT, log=log, clock=clock) as here:
        here.sandbox.rules.add(faults.HttpStatus(code=400), endpoint="chat", times=1)
        _, outcome = await played(here.session.imagine(BLUE))
        bodies = [json.loads(call.body) for call in here.calls("chat")]

    assert outcome == DONE
    assert [body["modelName"] for body in bodies] == ["imagine-image-edit", "grok-3"]
    assert [body.get("modelMode") for body in bodies] == [None, "MODEL_MODE_FAST"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_refused_edit_is_a_refusal(protocol: Any, log: Any, clock: Any) -> None:
    async with world(protocol, EDIT, log=log, clock=clock) as here:
        here.sandbox.rules.add(faults.HttpStatus(code=400), endpoint="chat")
        _, observed = await played(here.session.imagine(BLUE))

    assert (observed.operation, observed.kind, observed.stage) == (
        "imagine", Kind.BAD_REQUEST, Stage.REFUSED,
    )  # fmt: skip


async def test_policy_refuses_an_edit(log: Any, clock: Any) -> None:
    async with world("2026-08", EDIT, log=log, clock=clock) as here:
        here.sandbox.rules.add(faults.HttpStatus(code=403), endpoint="chat")
        _, observed = await played(here.session.imagine(BLUE))

    assert (observed.kind, observed.stage) == (Kind.MODERATION, Stage.REFUSED)


@pytest.mark.parametrize(
    ("wire", "wanted"),
    [
        (SOCKET, ImageRequest(prompt=" ")),
        (SOCKET, ImageRequest(prompt="x", method="edit")),
        (SOCKET, ImageRequest(prompt="x", method="socket", references=(PICTURE,))),
    ],
)
async def test_request_that_makes_no_sense(wire: Any, wanted: Any, log: Any, clock: Any) -> None:
    async with world("2026-08", wire, log=log, clock=clock) as here:
        _, observed = await played(here.session.imagine(wanted))

    assert (observed.kind, observed.stage) == (Kind.BAD_REQUEST, Stage.UNSENT)
    assert not list(here.sandbox.journal)


async def test_upload_that_is_refused_ends_an_edit(log: Any, clock: Any) -> None:
    async with world("2026-04", EDIT, log=log, clock=clock) as here:
        here.sandbox.rules.add(faults.UploadError(form="413"), endpoint="upload")
        with pytest.raises(UpstreamFailure) as raised:
            async for _ in here.session.imagine(BLUE):
                pass

    assert raised.value.observation.stage is Stage.REFUSED
    assert here.limits.sent_count == 0
