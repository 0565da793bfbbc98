import json
from pathlib import Path
from typing import Any

import pytest

from grokgate.sandbox import (
    AccountFixture,
    Moderation,
    PartialImages,
    PostError,
    Sandbox,
    WindowFixture,
)
from grokgate.sandbox.faults import Action
from sandbox.sim_client import CHAT, ORIGIN, Talk, ask, chat, headers

pytestmark = pytest.mark.anyio
GOLDEN = Path(__file__).parent / "golden"
POST = "/rest/media/post/create"
VIDEO = {"mediaType": "MEDIA_POST_TYPE_VIDEO", "prompt": "waves at dusk"}
UPLOAD = {"fileName": "a.png", "fileMimeType": "image/png", "content": "AAAA"}


def _sandbox(protocol: Any = "2026-02", **fixture: Any) -> Sandbox:
    accounts = [AccountFixture(token="t", **fixture), AccountFixture(token="other")]
    return Sandbox(accounts, protocol=protocol)


async def _post(sandbox: Sandbox, path: str, body: Any, referer: str = "/imagine") -> Talk:
    return await ask(sandbox.app, "POST", path, body, sent=headers(referer=referer))


async def _get(sandbox: Sandbox, path: str) -> Talk:
    return await ask(sandbox.app, "GET", f"/__assets/{path}", sent={"cookie": "sso=t"})


async def _uploaded(sandbox: Sandbox) -> str:
    """Upload a picture, and return its address."""
    answer = await _post(sandbox, "/rest/app-chat/upload-file", UPLOAD, "/")
    return f"{ORIGIN}/__assets/{answer.json['fileUri']}"


def _edit(url: str, parent: str = "") -> dict[str, Any]:
    config = {"imageReferences": [url], "parentPostId": parent}
    models = {"imageEditModel": "imagine", "imageEditModelConfig": config}
    override = {"modelConfigOverride": {"modelMap": models}}
    return {"modelName": "imagine-image-edit", "message": "blue", "responseMetadata": override}


def _video(parent: str, **more: Any) -> dict[str, Any]:
    config = {"parentPostId": parent, "aspectRatio": "3:2", "videoLength": 6, **more}
    override = {"modelConfigOverride": {"modelMap": {"videoGenModelConfig": config}}}
    return {
        "modelName": "grok-3",
        "message": "waves at dusk --mode=normal",
        "responseMetadata": override,
    }


def _newest(**wanted: Any) -> dict[str, Any]:
    [(key, value)] = wanted.items()
    model = "imagine-video-gen" if key == "textToVideo" else "imagine-image-edit"
    message = f"{value['prompt']} --mode=custom"
    return {"modelName": model, "message": message, "mediaGenInput": {key: value}}


def _of(answer: Talk, key: str) -> list[Any]:
    return [response[key] for response in answer.responses if key in response]


def _golden(name: str) -> list[Any]:
    return [json.loads(line) for line in (GOLDEN / name).read_text().splitlines()]


async def test_chat_draws_two_pictures_that_exist() -> None:
    sandbox = _sandbox()
    answer = await _draw(sandbox)
    [final] = _of(answer, "modelResponse")
    pictures = [await _get(sandbox, path) for path in final["generatedImageUrls"]]

    assert [picture.headers["content-type"] for picture in pictures] == ["image/jpeg"] * 2
    assert final["message"] == "Here are 2 pictures of a red kite."


async def _draw(sandbox: Sandbox, prompt: str = "Image Generation: a red kite") -> Talk:
    body = {"modelName": "grok-3", "modelMode": "MODEL_MODE_FAST", "message": prompt}
    return await _post(sandbox, CHAT, body, "/")


async def test_conversations_of_one_prompt_draw_different_pictures() -> None:
    sandbox = _sandbox()
    drawn = []
    for _ in range(2):
        [final] = _of(await _draw(sandbox), "modelResponse")
        drawn += [(await _get(sandbox, path)).body for path in final["generatedImageUrls"]]

    assert len(set(drawn)) == 4


async def test_pictures_look_like_the_sample() -> None:
    answer = await _draw(_sandbox())
    sample = _golden("image.ndjson")
    shown = _of(answer, "streamingImageGenerationResponse")
    wanted = [
        set(known["result"]["response"]["streamingImageGenerationResponse"])
        for known in sample[1:3]
    ]

    assert _of(answer, "imageAttachmentInfo") == [{}]
    assert [set(shown[0]), set(shown[-1])] == wanted
    assert "-part-0/" in shown[0]["imageUrl"]
    assert "-part-0/" not in shown[-1]["imageUrl"]


@pytest.mark.parametrize(("protocol", "units"), [("2026-02", 4), ("2026-04", 1)])
async def test_drawing_takes_units(protocol: Any, units: int) -> None:
    sandbox = _sandbox(protocol)
    if protocol == "2026-02":
        await _draw(sandbox)
    else:
        await chat(sandbox.app, "Drawing: a red kite")

    assert sandbox.accounts["t"].units_taken == units


async def test_directive_says_how_many_pictures() -> None:
    answer = await chat(_sandbox("2026-04").app, "@sim scenario=image image=3\na kite")

    assert len(_of(answer, "modelResponse")[0]["generatedImageUrls"]) == 3


@pytest.mark.parametrize(
    ("action", "finished", "flags", "message"),
    [
        (Moderation(), 0, [True, True], "I cannot create this picture or video."),
        (Moderation(style="refusal_text"), 0, [], "I cannot create this picture or video."),
        (Moderation(style="medium_no_final"), 0, [False, False], ""),
        (Moderation(style="silent"), 0, [], ""),
        (Moderation(slots="1"), 1, [False, True, False], "Here is a picture of a red kite."),
        (PartialImages(deliver=1), 1, [False] * 3, "Here is a picture of a red kite."),
    ],
)
async def test_withheld_pictures(
    action: Action, finished: int, flags: list[bool], message: str
) -> None:
    sandbox = _sandbox()
    sandbox.rules.add(action)
    answer = await _draw(sandbox)
    [final] = _of(answer, "modelResponse")
    shown = _of(answer, "streamingImageGenerationResponse")

    assert [progress["moderated"] for progress in shown] == flags
    assert (len(final["generatedImageUrls"]), final["message"]) == (finished, message)


async def test_video_scenario_has_a_video_and_a_still() -> None:
    sandbox = _sandbox("2026-04")
    answer = await chat(sandbox.app, "@sim scenario=video\nwaves")
    done = _of(answer, "streamingVideoGenerationResponse")[-1]
    video, still = [await _get(sandbox, done[key]) for key in ("videoUrl", "thumbnailImageUrl")]

    assert (video.headers["content-type"], video.body[4:8]) == ("video/mp4", b"ftyp")
    assert still.body.startswith(b"\xff\xd8")


async def test_video_of_the_oldest_shape() -> None:
    sandbox = _sandbox()
    post = (await _post(sandbox, POST, VIDEO)).json["post"]
    answer = await _post(sandbox, CHAT, _video(post["id"], videoResolution="HD"))
    news = _of(answer, "streamingVideoGenerationResponse")
    sample = [
        known["result"]["response"]["streamingVideoGenerationResponse"]
        for known in _golden("video.ndjson")[:2]
    ]

    assert [set(news[0]), set(news[-1])] == [set(known) for known in sample]
    assert news[1]["resolutionName"] == "720p"
    assert news[-1]["videoPostId"] == post["id"]
    assert answer.said() == "I generated a video with the prompt: 'waves at dusk'"
    assert _of(answer, "modelResponse")[0]["fileAttachments"] == [news[-1]["videoId"]]


@pytest.mark.parametrize(
    ("style", "last"), [("flag", True), ("medium_no_final", False), ("silent", None)]
)
async def test_withheld_video(style: Any, last: Any) -> None:
    sandbox = _sandbox("2026-04")
    sandbox.rules.add(Moderation(style=style))
    answer = await chat(sandbox.app, "@sim scenario=video\nwaves")
    news = _of(answer, "streamingVideoGenerationResponse")

    assert (news[-1]["moderated"] if news else None) is last
    assert not any("videoUrl" in known for known in news)


@pytest.mark.parametrize(
    ("change", "status"),
    [({"videoLength": 10}, 400), ({"aspectRatio": "7:5"}, 400), ({"parentPostId": "x"}, 404)],
)
async def test_wrong_video_is_refused(change: dict[str, Any], status: int) -> None:
    sandbox = _sandbox()
    post = (await _post(sandbox, POST, VIDEO)).json["post"]
    answer = await _post(sandbox, CHAT, _video(post["id"]))

    assert answer.status == 200
    assert (await _post(sandbox, CHAT, _video(post["id"], **change))).status == status


async def test_extension_follows_a_video() -> None:
    sandbox = _sandbox()
    post = (await _post(sandbox, POST, VIDEO)).json["post"]
    first = await _post(sandbox, CHAT, _video(post["id"]))
    video_id = _of(first, "modelResponse")[0]["fileAttachments"][0]
    wanted = _video(video_id, isVideoExtension=True, extendPostId=video_id)
    second = await _post(sandbox, CHAT, wanted, f"/imagine/post/{post['id']}")

    assert _of(second, "streamingVideoGenerationResponse")[-1]["progress"] == 100


async def test_edit_of_the_oldest_shape() -> None:
    sandbox = _sandbox()
    url = await _uploaded(sandbox)
    body = {"mediaType": "MEDIA_POST_TYPE_IMAGE", "mediaUrl": url}
    post = (await _post(sandbox, POST, body)).json["post"]
    answer = await _post(sandbox, CHAT, _edit(url, post["id"]))

    assert len(_of(answer, "modelResponse")[0]["generatedImageUrls"]) == 2
    assert sandbox.accounts["t"].units_taken == 4


@pytest.mark.parametrize(
    ("url", "parent"), [(f"{ORIGIN}/__assets/users/x/y/content", ""), (None, "nothing")]
)
async def test_edit_of_something_foreign_is_refused(url: str | None, parent: str) -> None:
    sandbox = _sandbox()
    answer = await _post(sandbox, CHAT, _edit(url or await _uploaded(sandbox), parent))

    assert answer.status == 404
    assert b"imagine:invalid-parent-post" in answer.body


async def test_free_account_has_no_edits_in_2026_04() -> None:
    sandbox = _sandbox("2026-04")

    assert (await _post(sandbox, CHAT, _edit(await _uploaded(sandbox)))).status == 403


async def test_media_call_comes_from_the_imagine_page() -> None:
    sandbox = _sandbox()

    assert (await _post(sandbox, CHAT, _edit(await _uploaded(sandbox)), "/")).status == 400


async def _uploaded_for_edit(sandbox: Sandbox, source: str) -> str:
    body = (
        '--s\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        "Content-Type: image/png\r\n\r\nx\r\n--s\r\n"
        f'Content-Disposition: form-data; name="file_source"\r\n\r\n{source}\r\n--s--\r\n'
    )
    sent = headers(content_type="multipart/form-data; boundary=s", referer="/imagine")
    path = "/http/upload-file-v2/direct"
    answer = await ask(sandbox.app, "POST", path, body.encode(), sent=sent)
    return str(answer.json["fileMetadata"]["fileMetadataId"])


@pytest.mark.parametrize(
    ("source", "status"), [("IMAGINE_SELF_UPLOAD_FILE_SOURCE", 200), ("", 400)]
)
async def test_edit_of_the_newest_shape(source: str, status: int) -> None:
    sandbox = _sandbox("2026-08")
    asset = await _uploaded_for_edit(sandbox, source)
    wanted = {"prompt": "blue", "inputAssets": [asset], "aspectRatio": "1:1"}
    answer = await _post(sandbox, CHAT, _newest(imageToImage=wanted))

    assert answer.status == status
    if status == 200:
        assert len(_of(answer, "modelResponse")[0]["generatedImageUrls"]) == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [({}, 200), ({"duration": 16}, 400), ({"resolutionName": "480p"}, 403)],
)
async def test_video_of_the_newest_shape(change: dict[str, Any], status: int) -> None:
    wanted = {"prompt": "waves", "aspectRatio": "16:9", "duration": 6, **change}
    answer = await _post(_sandbox("2026-08"), CHAT, _newest(textToVideo=wanted))

    assert answer.status == status


async def test_empty_product_window_is_429() -> None:
    empty = {"video_720p": WindowFixture(total=0, window_s=60)}
    sandbox = _sandbox("2026-08", imagine=empty)
    wanted = {"prompt": "waves", "aspectRatio": "16:9", "duration": 6}

    assert (await _post(sandbox, CHAT, _newest(textToVideo=wanted))).status == 429


async def test_newest_generation_has_no_older_shape() -> None:
    assert (await _post(_sandbox("2026-08"), CHAT, _video("x"))).status == 400


@pytest.mark.parametrize(
    "body",
    [
        {"mediaType": "MEDIA_POST_TYPE_SOUND", "prompt": "x"},
        {"mediaType": "MEDIA_POST_TYPE_VIDEO", "prompt": " "},
        {"mediaType": "MEDIA_POST_TYPE_IMAGE"},
        {"prompt": "x"},
    ],
)
async def test_wrong_post_is_refused(body: Any) -> None:
    assert (await _post(_sandbox(), POST, body)).status == 400


async def test_post_has_the_documented_fields() -> None:
    post = (await _post(_sandbox(), POST, VIDEO)).json["post"]

    assert set(post) == {
        *("id", "userId", "createTime", "prompt", "mediaType", "mediaUrl"),
        *("mimeType", "originalPostId", "childPosts"),
    }


@pytest.mark.parametrize(
    ("form", "status", "post"), [("invalid_parent", 404, None), ("empty_id", 200, {"id": ""})]
)
async def test_post_error(form: Any, status: int, post: Any) -> None:
    sandbox = _sandbox()
    sandbox.rules.add(PostError(form=form), endpoint="post")
    answer = await _post(sandbox, POST, VIDEO)

    assert (answer.status, answer.json.get("post")) == (status, post)


async def test_link_publishes_a_video() -> None:
    sandbox = _sandbox()
    post = (await _post(sandbox, POST, VIDEO)).json["post"]
    made = await _post(sandbox, CHAT, _video(post["id"]))
    video_id = _of(made, "modelResponse")[0]["fileAttachments"][0]
    body = {"postId": video_id, "source": "post-page", "platform": "web"}
    answer = await _post(sandbox, "/rest/media/post/create-link", body)
    path = f"/__public/imagine-public/share-videos/{video_id}.mp4"

    assert answer.json["shareLink"] == f"{ORIGIN}/imagine/post/{video_id}?source=post-page"
    assert (await ask(sandbox.app, "GET", path, sent={})).status == 200


async def test_upscaled_video_can_be_read() -> None:
    sandbox = _sandbox()
    post = (await _post(sandbox, POST, VIDEO)).json["post"]
    made = await _post(sandbox, CHAT, _video(post["id"]))
    video_id = _of(made, "modelResponse")[0]["fileAttachments"][0]
    answer = await _post(sandbox, "/rest/media/video/upscale", {"videoId": video_id})
    path = answer.json["hdMediaUrl"].removeprefix(f"{ORIGIN}/__assets/")

    assert path.endswith(f"{video_id}/generated_video_hd.mp4")
    assert (await _get(sandbox, path)).status == 200


async def test_conversation_goes_on_from_its_last_answer() -> None:
    sandbox = _sandbox("2026-04")
    first = await chat(sandbox.app, "Hello")
    conversation = first.objects[0]["result"]["conversation"]["conversationId"]
    parent = first.responses[-1]["modelResponse"]["responseId"]
    path = f"/rest/app-chat/conversations/{conversation}/responses"
    body = {"modeId": "fast", "message": "@sim scenario=echo\nAgain", "parentResponseId": parent}
    answer = await _post(sandbox, path, body, "/")

    assert answer.said() == "Again"
    assert (await _post(sandbox, path, body, "/")).status == 400


async def test_unknown_conversation_is_404() -> None:
    path = "/rest/app-chat/conversations/nothing/responses"

    assert (await _post(_sandbox("2026-04"), path, {"message": "x"}, "/")).status == 404
