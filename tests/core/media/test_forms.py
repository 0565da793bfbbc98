"""Multipart bodies: files on disk, texts bounded, odd clients understood."""

import gc
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from core.media.library import KB, MB, PNG, whole
from grokgate.errors import (
    BodyTooLarge,
    GatewayError,
    InvalidRequest,
    Overloaded,
    UnsupportedMediaType,
)
from grokgate.media import Forms
from grokgate.plugin import Form
from grokgate.spool import Room

pytestmark = pytest.mark.anyio

TYPE = "multipart/form-data; boundary=b0undary"


@pytest.fixture
def forms(tmp_path: Path) -> Forms:
    return Forms(tmp_path / "tmp", file_mb=lambda: 1, room=Room())


def part(head: str, content: bytes = b"x") -> bytes:
    disposition = f"Content-Disposition: form-data; {head}"
    return f"--b0undary\r\n{disposition}\r\n\r\n".encode() + content + b"\r\n"


def closed(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b0undary--\r\n"


async def sliced(body: bytes, step: int) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(body), step):
        yield body[start : start + step]


async def read(forms: Forms, body: bytes, *, step: int = 64 * KB, kind: str = TYPE) -> Form:
    return await forms.read(kind, sliced(body, step), file_fields=("image",))


@pytest.mark.parametrize("step", [1, 7, 64 * KB])
async def test_texts_and_files_are_told_apart(forms: Forms, step: int) -> None:
    body = closed(
        part('name="prompt"', "grün".encode()),
        part('name="image[]"; filename="a/b\\\\c.png"\r\nContent-Type: image/png', PNG),
    )
    form = await read(forms, body, step=step)
    [picture] = form.files_of("image[]")

    assert form.fields() == {"prompt": "grün"}
    assert (picture.name, picture.mime, picture.size) == ("c.png", "image/png", len(PNG))
    assert [await whole(picture.open()) for _ in range(2)] == [PNG, PNG]


@pytest.mark.parametrize(
    "head",
    [
        'name="other"; filename=""',
        'name="other"; filename="x"',
        'name="other"\r\nContent-Type: image/png',
        'name="image"',
        'name="image"\r\nContent-Type: text/plain',
    ],
)
async def test_a_part_is_a_file_by_any_of_three_signs(forms: Forms, head: str) -> None:
    form = await read(forms, closed(part(head, b"\0\xff")))

    assert [blob.size for _, blob in form.files] == [2]
    assert form.texts == ()


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("", "file"),
        ("..", "file"),
        ("../../etc/passwd", "passwd"),
        ("C:\\\\x\\\\y.png", "y.png"),
        ("a\0b\tc.png", "abc.png"),
        ("x" * 300, "x" * 200),
        ("日本.png", "日本.png"),
    ],
)
async def test_names_are_base_names(forms: Forms, filename: str, name: str) -> None:
    form = await read(forms, closed(part(f'name="image"; filename="{filename}"')))

    assert form.files[0][1].name == name


async def test_repeated_names_are_kept_in_order(forms: Forms) -> None:
    form = await read(forms, closed(*(part('name="image"', b"x" * n) for n in (1, 2, 3))))

    assert [blob.size for blob in form.files_of("image")] == [1, 2, 3]


MALFORMED = {
    "empty": b"",
    "no end": part('name="a"'),
    "no boundary": b"hello",
    "no disposition": b"--b0undary\r\nX: y\r\n\r\nz\r\n--b0undary--\r\n",
    "a long header": closed(part(f'name="{"x" * 5000}"')),
    "65 parts": closed(*[part('name="a"')] * 65),
    "a text that is not UTF-8": closed(part('name="a"', b"\xff\xfe")),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_body_is_the_clients_fault(forms: Forms, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await read(forms, MALFORMED[name])


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/mixed; boundary=b0undary"])
async def test_another_type_is_refused(forms: Forms, kind: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        await read(forms, closed(), kind=kind)


async def test_a_type_without_boundary_is_refused(forms: Forms) -> None:
    with pytest.raises(InvalidRequest):
        await read(forms, closed(), kind="multipart/form-data")


async def refusal(forms: Forms, body: bytes) -> GatewayError:
    with pytest.raises(GatewayError) as refused:
        await read(forms, body)
    return refused.value


async def test_a_file_over_the_limit_is_refused(forms: Forms) -> None:
    error = await refusal(forms, closed(part('name="image"', bytes(MB + 1))))

    assert (type(error), error.code, error.param) == (BodyTooLarge, "file_too_large", "image")


async def test_texts_are_bounded_together(forms: Forms) -> None:
    error = await refusal(forms, closed(*[part('name="a"', bytes(100 * KB))] * 3))

    assert (type(error), error.code) == (BodyTooLarge, "request_too_large")


async def test_room_on_disk_is_shared_and_given_back(tmp_path: Path) -> None:
    forms = Forms(tmp_path, file_mb=lambda: 1, room=Room(MB))
    body = closed(part('name="image"', bytes(600 * KB)))
    first = await read(forms, body)
    error = await refusal(forms, body)
    del first
    gc.collect()

    assert isinstance(error, Overloaded)
    assert (await read(forms, body)).files[0][1].size == 600 * KB


async def test_nothing_is_left_in_the_folder(forms: Forms, tmp_path: Path) -> None:
    form = await read(forms, closed(part('name="image"', bytes(MB))))

    assert form.files[0][1].size == MB
    assert list((tmp_path / "tmp").iterdir()) == []
