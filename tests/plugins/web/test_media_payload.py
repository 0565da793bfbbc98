"""Orders for pictures and videos are those of the samples (`upstream-protocol.md` 6.3 to 7.5)."""

from typing import Any

import msgspec

from grokgate.upstream import ImageRequest, VideoRequest
from grokgate_web.payload_media import edit_body, film_body, imagine_messages
from grokgate_web.profile_files import load_profile
from grokgate_web.settings import WebSettings

REFERENCE = "https://assets.grok.com/users/u/f/content"
EDIT = (
    '{"temporary":true,"modelName":"imagine-image-edit","message":"make the kite blue",'
    '"fileAttachments":[],"imageAttachments":[],"disableSearch":false,'
    '"enableImageGeneration":true,"returnImageBytes":false,"returnRawGrokInXaiRequest":false,'
    '"enableImageStreaming":true,"imageGenerationCount":2,"forceConcise":false,'
    '"toolOverrides":{"imageGen":true},"enableSideBySide":true,"sendFinalMetadata":true,'
    '"isReasoning":false,"disableTextFollowUps":true,"disableMemory":false,'
    '"forceSideBySide":false,"isAsyncChat":false,"responseMetadata":{"modelConfigOverride":'
    '{"modelMap":{"imageEditModel":"imagine","imageEditModelConfig":{"imageReferences":'
    '["https://assets.grok.com/users/u/f/content"],"parentPostId":"p1"}}},'
    '"requestModelDetails":{"modelId":"imagine-image-edit"}}}'
)
SECOND = (
    '{"type":"conversation.item.create","timestamp":7,"item":{"type":"message","content":'
    '[{"requestId":"r1","text":"a red kite over dunes","type":"input_text","properties":'
    '{"section_count":0,"is_kids_mode":false,"enable_nsfw":false,"skip_upsampler":false,'
    '"enable_side_by_side":true,"is_initial":false,"aspect_ratio":"auto","enable_pro":false,'
    '"num_generations":2}}]}}'
)


def edit(profile: str, sources: dict[str, Any], **settings: Any) -> dict[str, Any]:
    body = edit_body(
        load_profile(profile).edit,
        ImageRequest(prompt="make the kite blue", method="edit"),
        model="imagine-image-edit",
        mode=None,
        sources=sources,
        settings=WebSettings(**settings),
    )
    return msgspec.json.decode(body, type=dict[str, Any])


def test_older_edit_is_the_sample() -> None:
    sources = {"references": [REFERENCE], "parent": "p1"}
    sample = msgspec.json.decode(EDIT)

    assert edit("2026-02", sources, disable_memory=False) == sample
    assert edit("2026-04", sources, disable_memory=False) == sample


def test_edit_without_a_post_names_none() -> None:
    sent = edit("2026-04", {"references": [REFERENCE], "parent": None})

    override = sent["responseMetadata"]["modelConfigOverride"]["modelMap"]
    assert override["imageEditModelConfig"] == {"imageReferences": [REFERENCE]}


def test_newest_edit_without_a_ratio_names_none() -> None:
    sent = edit("2026-08", {"assets": ["f1"]})

    assert sent["mediaGenInput"]["imageToImage"] == {
        "prompt": "make the kite blue",
        "inputAssets": ["f1"],
    }


def test_messages_of_the_newest_generation_are_the_sample() -> None:
    request = ImageRequest(prompt="a red kite over dunes", count=2, method="socket")
    socket = load_profile("2026-08").images.socket
    reset, said = imagine_messages(socket, request, pro=False, request_id="r1", stamp=7)

    assert msgspec.json.decode(reset)["item"]["content"] == [{"type": "reset"}]
    assert msgspec.json.decode(said) == msgspec.json.decode(SECOND)


def test_continuation_says_where_it_begins() -> None:
    body = film_body(
        load_profile("2026-04").video,
        VideoRequest(prompt="waves", seconds=6, extends="e", start_s=10),
        model="grok-3",
        parent="p2",
        original="p1",
        references=(),
        settings=WebSettings(),
    )
    sent = msgspec.json.decode(body)["responseMetadata"]["modelConfigOverride"]["modelMap"]

    assert sent["videoGenModelConfig"] == {
        "isVideoExtension": True,
        "videoExtensionStartTime": 10,
        "extendPostId": "p2",
        "stitchWithExtendPostId": True,
        "originalPrompt": "waves",
        "originalPostId": "p1",
        "originalRefType": "ORIGINAL_REF_TYPE_VIDEO_EXTENSION",
        "mode": "custom",
        "aspectRatio": "3:2",
        "videoLength": 6,
        "resolutionName": "480p",
        "parentPostId": "p2",
        "isVideoEdit": False,
    }
