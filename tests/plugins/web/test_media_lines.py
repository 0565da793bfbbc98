"""Pictures and videos in the lines of an answer."""

import json
from pathlib import Path
from typing import Any

import pytest

from grokgate.upstream import (
    Asset,
    Event,
    Finished,
    ImagePreview,
    ImageReady,
    Progress,
    Started,
    TextDelta,
    VideoReady,
)
from grokgate_web.decode.chat import ChatDecoder
from grokgate_web.decode.film import file_id
from grokgate_web.decode.pictures import Sought
from grokgate_web.decode.slots import MAX_PICTURES
from grokgate_web.profile_files import load_profile

CORPUS = Path(__file__).parent / "corpus"
USER = "7d1c0c5e-2f6b-4b0e-9a53-0d8f5f0e1a11"
FIRST, SECOND = (
    f"users/{USER}/generated/{name}/image.jpg"
    for name in (
        "0d9b7e61-5555-4f7b-8a11-1c2d3e4f5a60",
        "1e8c6d52-dddd-4a6b-9b33-2d3e4f5a6b70",
    )
)
VIDEO = "5d4c3b2a-1b1b-4e6f-9a77-8b9c0d1e2f30"
PICTURES = Sought(account="a1", most=4, previews=True)


def decoded(*replies: Any, sought: Sought = PICTURES) -> list[Event]:
    lines = (json.dumps({"result": {"response": reply}}).encode() for reply in replies)
    return lines_decoded(b"".join(line + b"\n" for line in lines), sought=sought)[0]


def lines_decoded(data: bytes, *, sought: Sought = PICTURES) -> tuple[list[Event], ChatDecoder]:
    decoder = ChatDecoder(load_profile("2026-04").stream, filter_tags=(), sought=sought)
    return [*decoder.feed(data), *decoder.finish()], decoder


def jpeg(ref: str) -> Asset:
    return Asset(ref=ref, account="a1", mime="image/jpeg")


def test_sample_of_pictures() -> None:
    data = (CORPUS / "lines" / "pictures.ndjson").read_bytes()
    events, decoder = lines_decoded(data)
    preview = FIRST.replace("/image.jpg", "-part-0/image.jpg")

    assert events == [
        Started(),
        Progress(slot=0, percent=50),
        ImagePreview(slot=0, asset=jpeg(preview)),
        ImageReady(slot=1, asset=jpeg(SECOND)),
        ImageReady(slot=0, asset=jpeg(FIRST)),
        TextDelta(text="Here are two pictures of a red kite."),
        Finished(),
    ]
    assert decoder.drift == set()


def test_sample_of_a_video() -> None:
    events, decoder = lines_decoded((CORPUS / "lines" / "video.ndjson").read_bytes())
    folder = f"users/{USER}/generated/{VIDEO}"
    video = Asset(ref=f"{folder}/generated_video.mp4", account="a1", mime="video/mp4")

    assert events[:3] == [
        Started(),
        Progress(slot=0, percent=25),
        VideoReady(asset=video, poster=jpeg(f"{folder}/preview_image.jpg")),
    ]
    assert [event for event in events if isinstance(event, VideoReady)] == events[2:3]
    assert decoder.drift == set()


def test_sample_of_a_card_with_a_picture() -> None:
    events, _ = lines_decoded((CORPUS / "lines" / "cards.ndjson").read_bytes())

    assert ImageReady(slot=0, asset=jpeg(FIRST)) in events


def test_final_list_tells_what_nothing_else_told() -> None:
    cards = {"id": "c", "image_chunk": {"imageUuid": "x", "imageUrl": "users/u/x", "progress": 100}}
    events = decoded(
        {
            "modelResponse": {
                "message": "",
                "generatedImageUrls": [
                    "", "/", "https://assets.grok.com/", "prompt://x", 7,
                    FIRST.replace("/image.jpg", "-part-0/image.jpg"), FIRST, FIRST,
                    "https://imgen.x.ai/a.jpg",
                ],
                "cardAttachmentsJson": [json.dumps(cards), 7, "{"],
            }
        }
    )  # fmt: skip

    refs = [event.asset.ref for event in events if isinstance(event, ImageReady)]
    assert refs == ["users/u/x", FIRST, "https://imgen.x.ai/a.jpg"]


@pytest.mark.parametrize(("attached", "count"), [(True, 1), (False, 0)])
def test_files_of_the_message_may_be_the_pictures(*, attached: bool, count: int) -> None:
    sought = Sought(account="a1", attached=attached)
    reply = {"modelResponse": {"message": "x", "fileAttachments": [VIDEO, FIRST]}}
    events = decoded(reply, sought=sought)

    assert sum(isinstance(event, ImageReady) for event in events) == count


def news(name: str, **fields: Any) -> dict[str, Any]:
    url = f"users/{USER}/generated/{name}/image.jpg"
    return {"streamingImageGenerationResponse": {"imageId": name, "imageUrl": url, **fields}}


def test_finished_picture_takes_the_only_slot() -> None:
    sought = Sought(account="a1", most=1)
    events = decoded(news("a", progress=50), news("b", progress=100), news("a", progress=100),
                     sought=sought)  # fmt: skip
    ready = [event for event in events if isinstance(event, ImageReady)]

    assert [(event.slot, "/b/" in event.asset.ref) for event in ready] == [(0, True)]


def test_withheld_picture_gives_its_slot_back() -> None:
    sought = Sought(account="a1", most=1)
    events = decoded(news("a", progress=50), news("a", moderated=True), news("b", progress=70),
                     sought=sought)  # fmt: skip

    assert [event for event in events if isinstance(event, Progress)] == [
        Progress(slot=0, percent=50),
        Progress(slot=0, percent=70),
    ]


def test_pictures_without_end_are_passed_over() -> None:
    events = decoded(*(news(str(number), progress=100) for number in range(100)),
                     sought=Sought())  # fmt: skip

    assert sum(isinstance(event, ImageReady) for event in events) == MAX_PICTURES


@pytest.mark.parametrize("odd", ["100", [100], None, True, {}])
def test_odd_percent_is_none(odd: Any) -> None:
    events = decoded(news("a", progress=odd, imageIndex=odd))

    assert not any(isinstance(event, ImageReady | Progress) for event in events)


def filmed(**fields: Any) -> dict[str, Any]:
    return {"streamingVideoGenerationResponse": fields}


@pytest.mark.parametrize("name", ["videoUrl", "contentUrl", "assetUrl", "fileUri", "videoURL"])
def test_address_of_a_video_has_many_names(name: str) -> None:
    events = decoded(filmed(progress=100, **{name: "users/u/v.mp4"}))

    assert VideoReady(asset=Asset(ref="users/u/v.mp4", account="a1", mime="video/mp4")) in events


@pytest.mark.parametrize(
    ("file", "ref"),
    [
        (VIDEO, f"users/{USER}/generated/{VIDEO}/generated_video.mp4"),
        ("users/u/v.mp4", "users/u/v.mp4"),
        ("users/u/v/content", "users/u/v/content"),
        ("users/u/v.txt", None),
        (7, None),
        ("nothing", None),
    ],
)
def test_files_of_the_message_may_be_the_video(file: Any, ref: str | None) -> None:
    sought = Sought(account="a1", user=USER)
    reply = {"modelResponse": {"message": "x", "fileAttachments": [file]}}
    events = decoded(filmed(progress=75), reply, sought=sought)
    ready = [event.asset.ref for event in events if isinstance(event, VideoReady)]

    assert ready == ([ref] if ref else [])


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        (VIDEO, VIDEO),
        (f"users/{USER}/generated/{VIDEO}/generated_video.mp4", VIDEO),
        (f"https://assets.grok.com/users/{USER}/{VIDEO}/content", VIDEO),
        (f"users/{USER}/other.mp4", None),
        ("", None),
    ],
)
def test_id_in_an_address(ref: str, found: str | None) -> None:
    assert file_id(ref) == found
