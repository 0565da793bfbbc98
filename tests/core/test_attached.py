import base64
from types import SimpleNamespace

import anyio
import pytest

from grokgate.errors import BodyTooLarge, GatewayError, InvalidRequest, ObjectNotFound
from grokgate.openai import Source
from grokgate.plugin import Caller, load_attachments
from grokgate.upstream import Blob

pytestmark = pytest.mark.anyio

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()
ADDRESS = "https://example.org/a.png"
CALLER = Caller(key_id="k1", name="k", request_id="r1")


class Files:
    """The files of the key ``k1``."""

    def __init__(self, **files: Blob) -> None:
        self._files = files

    async def open(self, file_id: str, /, *, owner: str) -> Blob:
        if owner != "k1" or file_id not in self._files:
            raise ObjectNotFound("No such file.", code="file_not_found")
        return self._files[file_id]


class Services:
    """A plugin's context with *pages* to fetch and *files* to open."""

    def __init__(self, pages: "Pages | None" = None, **files: Blob) -> None:
        self.fetch = pages or Pages({})
        self.files = Files(**files)
        self.shared = SharedSections()


class SharedSections:
    app = grok = compat = None
    limits = SimpleNamespace(file_mb=1)


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


async def test_contents_come_in_the_order_of_the_request() -> None:
    first, last = blob(), blob("image/gif")
    pages = Pages({ADDRESS: first, ADDRESS + "2": last}, together=2)
    sources = [Source(text=text, param="p", kind="image") for text in (ADDRESS, PNG, ADDRESS + "2")]

    with anyio.fail_after(5):
        blobs = await load_attachments(sources, Services(pages), CALLER)

    assert (blobs[0], blobs[1].mime, blobs[2]) == (first, "image/png", last)
    assert sorted(pages.asked) == [f"r1 {ADDRESS}", f"r1 {ADDRESS}2"]


async def test_data_is_checked_before_anything_is_fetched() -> None:
    pages = Pages({ADDRESS: blob()})
    sources = [Source(text=text, param="p", kind="image") for text in (ADDRESS, "AAAA")]

    with pytest.raises(InvalidRequest) as caught:
        await load_attachments(sources, Services(pages), CALLER)

    assert caught.value.code == "invalid_image"
    assert pages.asked == []


@pytest.mark.parametrize("url", [ADDRESS + "?page", ADDRESS + "?gone"], ids=["no_image", "gone"])
async def test_unusable_address_is_named_but_not_explained(url: str) -> None:
    pages = Pages({ADDRESS + "?page": blob("text/html")})

    with pytest.raises(InvalidRequest) as caught:
        await load_attachments([Source(text=url, param="p", kind="image")], Services(pages), CALLER)

    error = caught.value
    assert (error.code, error.param) == ("invalid_image_url", "p")
    assert error.message == "The address could not be fetched."


async def test_uploaded_files_are_opened() -> None:
    picture = blob()
    sources = [Source(file_id="a", param="p", kind="image")]

    assert await load_attachments(sources, Services(a=picture), CALLER) == [picture]


@pytest.mark.parametrize(
    ("file_id", "caller", "error", "code"),
    [
        ("a", Caller(key_id="k2", name="k"), ObjectNotFound, "file_not_found"),
        ("b", CALLER, ObjectNotFound, "file_not_found"),
        ("text", CALLER, InvalidRequest, "unsupported_file_type"),
        ("large", CALLER, BodyTooLarge, "file_too_large"),
    ],
    ids=["foreign", "unknown", "no_picture", "too_large"],
)
async def test_unusable_files_are_refused_at_their_place(
    file_id: str, caller: Caller, error: type[GatewayError], code: str
) -> None:
    large = Blob.of_bytes(bytes(2**20 + 1), mime="image/png", name="x")
    services = Services(a=blob(), text=blob("text/plain"), large=large)

    with pytest.raises(error) as caught:
        await load_attachments([Source(file_id=file_id, param="p", kind="image")], services, caller)

    assert (caught.value.code, caught.value.param) == (code, "p")


async def test_more_attachments_than_allowed_are_refused() -> None:
    sources = [Source(text=PNG, param="p", kind="image")] * 21

    with pytest.raises(InvalidRequest) as caught:
        await load_attachments(sources, Services(), CALLER)

    assert caught.value.code == "too_many_attachments"
