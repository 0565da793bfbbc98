import base64
from typing import Any

import anyio
import msgspec
import pytest

from grokgate.errors import GatewayError, InvalidRequest
from grokgate.openai import Source
from grokgate.upstream import Blob
from grokgate_chat.attachments import attachments, load
from grokgate_chat.schema import ChatRequest

pytestmark = pytest.mark.anyio

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()
ADDRESS = "https://example.org/a.png"
PATH = "messages[1].content[1]"


class Pages:
    """A fetch service that knows some pages; it waits until all that are wanted were asked for."""

    def __init__(self, pages: dict[str, Blob], *, together: int = 1) -> None:
        self._pages = pages
        self._together = together
        self._all = anyio.Event()
        self.asked: list[str] = []

    async def get(self, url: str, *, request_id: str = "") -> Blob:
        self.asked.append(f"{request_id} {url}")
        if len(self.asked) == self._together:
            self._all.set()
        await self._all.wait()
        if url not in self._pages:
            raise InvalidRequest("No.", code="invalid_image_url")
        return self._pages[url]


def blob(mime: str = "image/png") -> Blob:
    return Blob.of_bytes(b"x", mime=mime, name="x")


def ask(*parts: dict[str, Any]) -> ChatRequest:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Look"}, *parts]},
    ]
    body = {"model": "grok-4", "messages": messages}
    return msgspec.json.decode(msgspec.json.encode(body), type=ChatRequest)


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (
            {"type": "image_url", "image_url": {"url": ADDRESS}},
            Source(text=ADDRESS, param=f"{PATH}.image_url.url", kind="image"),
        ),
        (
            {"type": "image_url", "image_url": ADDRESS},
            Source(text=ADDRESS, param=f"{PATH}.image_url", kind="image"),
        ),
        (
            {"type": "input_image", "image_url": ADDRESS},
            Source(text=ADDRESS, param=f"{PATH}.image_url", kind="image"),
        ),
        (
            {"type": "file", "file": {"file_data": "AAAA", "filename": "a.txt"}},
            Source(text="AAAA", param=f"{PATH}.file.file_data", kind="file", filename="a.txt"),
        ),
        (
            {"type": "file", "file": {"url": ADDRESS}},
            Source(text=ADDRESS, param=f"{PATH}.file.url", kind="file"),
        ),
        (
            {"type": "file", "file": {"data": "AAAA"}},
            Source(text="AAAA", param=f"{PATH}.file.data", kind="file"),
        ),
        (
            {"type": "input_file", "file_url": ADDRESS},
            Source(text=ADDRESS, param=f"{PATH}.file_url", kind="file"),
        ),
        (
            {"type": "input_file", "file": {"file_data": "AAAA"}},
            Source(text="AAAA", param=f"{PATH}.file.file_data", kind="file"),
        ),
    ],
)
def test_every_form_names_its_source(part: dict[str, Any], source: Source) -> None:
    assert attachments(ask(part)) == [source]


@pytest.mark.parametrize(
    ("part", "status", "code", "param"),
    [
        ({"type": "file", "file": {}}, 400, "missing_required_parameter", ".file.file_data"),
        ({"type": "file", "file": {"file_id": "file-1"}}, 404, "file_not_found", ".file.file_id"),
        ({"type": "input_file", "file_id": "file-1"}, 404, "file_not_found", ".file_id"),
        ({"type": "input_image", "file_id": "file-1"}, 404, "file_not_found", ".file_id"),
        ({"type": "input_image"}, 400, "missing_required_parameter", ".image_url"),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            400,
            "unsupported_value",
            ".type",
        ),
    ],
)
def test_unusable_parts_are_refused_at_their_place(
    part: dict[str, Any], status: int, code: str, param: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        attachments(ask(part))

    error = caught.value
    assert (error.status, error.code, error.param) == (status, code, PATH + param)


async def test_contents_come_in_the_order_of_the_request() -> None:
    first, last = blob(), blob("image/gif")
    pages = Pages({ADDRESS: first, ADDRESS + "2": last}, together=2)
    sources = [Source(text=text, param="p", kind="image") for text in (ADDRESS, PNG, ADDRESS + "2")]

    with anyio.fail_after(5):
        blobs = await load(sources, pages, limit=1024, request_id="r1")

    assert (blobs[0], blobs[1].mime, blobs[2]) == (first, "image/png", last)
    assert sorted(pages.asked) == [f"r1 {ADDRESS}", f"r1 {ADDRESS}2"]


async def test_data_is_checked_before_anything_is_fetched() -> None:
    pages = Pages({ADDRESS: blob()})
    sources = [Source(text=text, param="p", kind="image") for text in (ADDRESS, "AAAA")]

    with pytest.raises(InvalidRequest) as caught:
        await load(sources, pages, limit=1024, request_id="r1")

    assert caught.value.code == "invalid_image"
    assert pages.asked == []


@pytest.mark.parametrize("url", [ADDRESS + "?page", ADDRESS + "?gone"], ids=["no_image", "gone"])
async def test_unusable_address_is_named_but_not_explained(url: str) -> None:
    pages = Pages({ADDRESS + "?page": blob("text/html")})

    with pytest.raises(InvalidRequest) as caught:
        await load([Source(text=url, param="p", kind="image")], pages, limit=1024, request_id="r1")

    error = caught.value
    assert (error.code, error.param) == ("invalid_image_url", "p")
    assert error.message == "The address could not be fetched."
