"""Messages of the socket for pictures, and pictures inside of them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from grokgate.upstream import (
    Asset,
    Event,
    ImagePreview,
    ImageReady,
    ImageRefused,
    Progress,
    Started,
)
from grokgate_web.decode.imagine import ImagineDecoder
from grokgate_web.decode.pictures import Sought
from grokgate_web.inline import PIECE, inline_asset, read_inline
from grokgate_web.profile_files import load_profile

CORPUS = Path(__file__).parent / "corpus"


def pictured(
    *messages: Any, protocol: str = "2026-08", most: int = 2, expected: int = 2
) -> tuple[list[Event], ImagineDecoder]:
    decoder = ImagineDecoder(
        load_profile(protocol).images.socket,
        request="r1",
        expected=expected,
        sought=Sought(account="a1", most=most, previews=True),
    )
    events = [event for one in messages for event in decoder.feed(json.dumps(one).encode())]
    return events, decoder


def image(name: str = "i1", size: int = 8, suffix: str = "jpg", **fields: Any) -> dict[str, Any]:
    url = f"https://imagine-public.x.ai/imagine-public/images/{name}.{suffix}"
    return {
        "type": "image",
        "request_id": "r1",
        "id": name,
        "url": url,
        "blob": "A" * size,
        **fields,
    }


def status(word: str, name: str = "i1", **fields: Any) -> dict[str, Any]:
    return {"type": "json", "request_id": "r1", "current_status": word, "image_id": name, **fields}


@pytest.mark.parametrize(
    ("suffix", "size", "stage"),
    [
        ("png", 8_000, "preview"),
        ("png", 30_000, "preview"),
        ("png", 30_004, "medium"),
        ("jpg", 100_000, "medium"),
        ("jpg", 100_004, "final"),
        ("jpeg", 100_004, "final"),
        ("png", 150_000, "medium"),
    ],
)
def test_stage_by_size(suffix: str, size: int, stage: str) -> None:
    """Table 13.8, with base64 lengths that occur."""
    events, decoder = pictured(
        image(size=size, suffix=suffix, percentage_complete=100), protocol="2026-02"
    )

    assert isinstance(events[-1], ImageReady) == (stage == "final")
    assert decoder.medium == (stage != "preview")


def test_status_decides_where_it_is_told() -> None:
    events, decoder = pictured(
        status("start_stage"), image(percentage_complete=35), image(percentage_complete=100)
    )
    assert [type(event) for event in events] == [Started, Progress, ImagePreview]

    assert [type(event) for event in decoder.feed(json.dumps(status("completed")).encode())] == [
        ImageReady
    ]


def test_final_picture_may_come_after_its_end() -> None:
    _, decoder = pictured(status("completed"), expected=1, most=1)
    assert decoder.told
    assert not decoder.done

    decoder.feed(json.dumps(image()).encode())
    assert decoder.done


def test_nothing_replaces_a_picture_that_is_ready() -> None:
    events, _ = pictured(image(size=200_000), image(size=300_000), protocol="2026-02")

    assert sum(isinstance(event, ImageReady) for event in events) == 1


def test_messages_of_other_requests_are_passed_over() -> None:
    events, decoder = pictured(image(request_id="r2", size=200_000), protocol="2026-02")

    assert (events, decoder.heard, decoder.drift) == ([], 0, set())


def test_withheld_pictures_end_the_answer() -> None:
    _, decoder = pictured(
        status("completed", "i1", moderated=True), status("completed", "i2", moderated=True)
    )

    assert decoder.done
    assert decoder.refusals() == [ImageRefused(slot=0), ImageRefused(slot=1)]


def test_places_are_the_upstreams() -> None:
    events, _ = pictured(
        image("i2", size=200_000, order=1), image("i1", size=200_000, order=0),
        protocol="2026-02",
    )  # fmt: skip

    assert [event.slot for event in events if isinstance(event, ImageReady)] == [1, 0]


def test_other_names_of_fields() -> None:
    rows = (CORPUS / "imagine" / "aliases.ndjson").read_bytes().splitlines()
    decoder = pictured(protocol="2026-08", most=4, expected=4)[1]
    events = [event for row in rows[:2] for event in decoder.feed(row)] + decoder.finish()

    kinds = [(event.slot, event.asset.mime) for event in events if isinstance(event, ImagePreview)]
    assert kinds == [(3, "image/jpeg"), (1, "image/jpeg")]
    assert decoder.drift == set()


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (7, "type"),
        ({"type": "weather"}, "type"),
        ({"type": "image", "novel": 1, "id": "i", "blob": "AA"}, "image.novel"),
        ({"type": "json", "novel": 1, "image_id": "i"}, "json.novel"),
        ({"type": "image", "blob": "A"}, "image.id"),
        ({"type": "image", "id": "i"}, "image.blob"),
    ],
)
def test_news_are_drift(message: Any, path: str) -> None:
    _, decoder = pictured(message)

    assert decoder.drift == {path}


@pytest.mark.anyio
@pytest.mark.parametrize("size", [0, 1, 2, 3, PIECE - 1, PIECE, PIECE + 5])
async def test_picture_is_read_in_pieces(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    text = base64.b64encode(data[:size]).decode()
    asset = inline_asset(text.rstrip("="), ref="", account="a1")
    assert asset is not None
    assert asset.content is not None
    pieces = [piece async for piece in read_inline(asset.content)]

    assert (b"".join(pieces), asset.size) == (data[:size], size)
    assert all(len(piece) <= PIECE for piece in pieces)


@pytest.mark.parametrize("text", ["a", "ab!c", "übel", "ab=cd"])
def test_picture_that_is_no_base64_is_drift(text: str) -> None:
    events, decoder = pictured(image(blob=text))

    assert (events, decoder.drift) == ([Started()], {"image.blob"})


@pytest.mark.parametrize("blob", ["/9j/AA==", "/9j/AA", "data:image/png;base64,/9j/AA=="])
def test_type_of_a_picture_is_that_of_its_content(blob: str) -> None:
    asset = inline_asset(blob, ref="there", account="a1")

    assert asset == Asset(
        ref="there", account="a1", mime="image/jpeg", size=4, content=b"\xff\xd8\xff\x00"
    )


def test_picture_is_in_no_log() -> None:
    asset = Asset(ref="there", account="a1", mime="image/jpeg", size=4, content=b"secret")

    assert repr(ImageReady(slot=0, asset=asset)) == (
        "ImageReady(slot=0, asset=Asset(ref='there', account='a1', mime='image/jpeg', size=4))"
    )
