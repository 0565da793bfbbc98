import base64

import pytest

from grokgate.errors import GatewayError
from grokgate.openai import Source, accept, check_count, decode, image_type
from grokgate.upstream import Blob

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
LIMIT = 1024


def picture(text: str) -> Source:
    return Source(text=text, param="p", kind="image")


def file(text: str, filename: str | None = None) -> Source:
    return Source(text=text, param="p", kind="file", filename=filename)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def content(blob: Blob) -> bytes:
    return b"".join([piece async for piece in blob.open()])


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"", None),
    ],
)
def test_image_type_is_read_off_the_first_bytes(data: bytes, mime: str | None) -> None:
    assert image_type(data) == mime


@pytest.mark.anyio
@pytest.mark.parametrize(
    "text",
    [
        f"data:image/png;base64,{b64(PNG)}",
        f"DATA:image/jpeg;BASE64,{b64(PNG)}",
        b64(PNG),
        b64(PNG).rstrip("="),
        b64(PNG)[:8] + "\n" + b64(PNG)[8:],
    ],
    ids=["data_uri", "wrong_declared_type", "bare", "unpadded", "wrapped"],
)
async def test_picture_is_decoded_and_typed_by_its_content(text: str) -> None:
    blob = decode(picture(text), limit=LIMIT)

    assert (blob.mime, blob.name, blob.size) == ("image/png", "file.png", len(PNG))
    assert await content(blob) == PNG


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (picture("not base64!"), "invalid_base64"),
        (picture("data:image/png;base64,%%%"), "invalid_base64"),
        (picture("data:image/png"), "invalid_base64"),
        (picture(""), "invalid_base64"),
        (picture("é"), "invalid_base64"),
        (picture(b64(b"no picture")), "invalid_image"),
        (picture("data:image/svg+xml,<svg/>"), "invalid_image"),
        (picture("data:application/pdf;base64," + b64(b"%PDF-1.7")), "unsupported_file_type"),
        (file(b64(bytes(LIMIT + 1))), "file_too_large"),
        (file("data:text/plain," + "a" * (LIMIT + 1)), "file_too_large"),
    ],
)
def test_bad_data_is_refused_with_its_code(source: Source, code: str) -> None:
    with pytest.raises(GatewayError) as caught:
        decode(source, limit=LIMIT)

    assert (caught.value.code, caught.value.param) == (code, "p")


def test_file_of_exactly_the_limit_is_accepted() -> None:
    assert decode(file(b64(bytes(LIMIT))), limit=LIMIT).size == LIMIT


@pytest.mark.parametrize(
    ("text", "filename", "mime", "name"),
    [
        ("data:text/plain,hello%20there", None, "text/plain", "file.txt"),
        (b64(b"a,b"), "table.csv", "text/csv", "table.csv"),
        (b64(b"??"), None, "application/octet-stream", "file.bin"),
        (b64(PNG), "scan.dat", "image/png", "scan.dat"),
        (b64(b"x"), "../../etc/passwd\n", "application/octet-stream", "passwd"),
        (b64(b"x"), "C:\\notes\\a.txt", "text/plain", "a.txt"),
    ],
)
def test_file_gets_a_type_and_a_base_name(
    text: str, filename: str | None, mime: str, name: str
) -> None:
    blob = decode(file(text, filename), limit=LIMIT)

    assert (blob.mime, blob.name) == (mime, name)


@pytest.mark.parametrize(
    ("text", "is_address"),
    [
        ("https://example.org/a.png", True),
        ("HTTP://example.org/a.png", True),
        ("ftp://example.org/a.png", True),
        ("data:image/png;base64,AAAA", False),
        ("iVBORw0KGgo=", False),
    ],
)
def test_addresses_are_told_from_data(text: str, is_address: bool) -> None:  # noqa: FBT001 - a table
    assert picture(text).is_address == is_address


@pytest.mark.parametrize(
    ("mime", "size"), [("text/html", 10), ("image/png", LIMIT + 1)], ids=["no_image", "too_large"]
)
def test_unfit_fetched_picture_reads_like_an_unreachable_one(mime: str, size: int) -> None:
    blob = Blob.of_bytes(bytes(size), mime=mime, name="x")

    with pytest.raises(GatewayError) as caught:
        accept(blob, picture("https://example.org/x"), limit=LIMIT)

    assert caught.value.code == "invalid_image_url"
    assert caught.value.message == "The address could not be fetched."


@pytest.mark.parametrize("text", ["AAAA", "https://example.org/a"], ids=["data", "addresses"])
def test_too_many_attachments_are_refused(text: str) -> None:
    check_count([file("AAAA")] * 20)
    check_count([file("https://example.org/a")] * 16)
    number = 21 if text == "AAAA" else 17

    with pytest.raises(GatewayError) as caught:
        check_count([file(text)] * number)

    assert caught.value.code == "too_many_attachments"
