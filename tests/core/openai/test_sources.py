from typing import Any

import msgspec
import pytest

from grokgate.errors import InvalidRequest
from grokgate.openai import AttachedPart, Source, source_of

ADDRESS = "https://example.org/a.png"
PATH = "messages[1].content[1]"


def source(part: dict[str, Any]) -> Source:
    return source_of(msgspec.convert(part, AttachedPart), PATH)


@pytest.mark.parametrize(
    ("part", "found"),
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
        (
            {"type": "file", "file": {"file_id": "file-1", "filename": "a.txt"}},
            Source(file_id="file-1", param=f"{PATH}.file.file_id", kind="file", filename="a.txt"),
        ),
        (
            {"type": "input_file", "file_id": "file-1"},
            Source(file_id="file-1", param=f"{PATH}.file_id", kind="file"),
        ),
        (
            {"type": "input_image", "file_id": "file-1", "image_url": ADDRESS},
            Source(file_id="file-1", param=f"{PATH}.file_id", kind="image"),
        ),
    ],
)
def test_every_form_names_its_source(part: dict[str, Any], found: Source) -> None:
    assert source(part) == found


@pytest.mark.parametrize(
    ("part", "code", "param"),
    [
        ({"type": "file", "file": {}}, "missing_required_parameter", ".file.file_data"),
        ({"type": "input_image"}, "missing_required_parameter", ".image_url"),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            "unsupported_value",
            ".type",
        ),
    ],
)
def test_unusable_parts_are_refused_at_their_place(
    part: dict[str, Any], code: str, param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        source(part)

    assert (caught.value.code, caught.value.param) == (code, PATH + param)
