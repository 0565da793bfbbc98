"""Parts of items: text as clients read it back, and attachments with their places.

An attachment is a part of the type ``input_image`` or ``input_file``, the screenshot of a computer,
or an ``image_generation_call`` as a whole. Everything here goes through the attachments of an item
in one order.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from grokgate.openai import AttachedPart, InputImagePart, RefusalPart, Source, source_of
from grokgate_responses.request.reading import refuse
from grokgate_responses.request.schema_items import ContentPart, PictureInput, Screenshot, VideoPart

Item: TypeAlias = Mapping[str, Any]
"""An input or output item as JSON has it, ids filled in.

In a kept item the data of an attachment is replaced by ``{"stored": sha256, "mime": …, "name": …}``
beside its type.
"""
JsonPart: TypeAlias = Mapping[str, Any]
STORED: Final = "stored"
PICTURE_CALL: Final = "image_generation_call"
SCREENSHOT: Final = "computer_screenshot"
_SCREENSHOT_RESULT: Final = "computer_call_output"
_PICTURE: Final = "input_image"
_FILE: Final = "input_file"
_ATTACHED: Final = frozenset({_PICTURE, _FILE})
_DATA: Final = ("result", "image_url", "file_data", "file_url", "file_id")
"""Where the content of an attachment may stand."""
_LISTS: Final = {
    "custom_tool_call_output": "output",
    "function_call_output": "output",
    "message": "content",
}
"""Kinds of items with parts → the field they are in."""


class PartReader:
    """Brings parts into one form, and lists what they attach."""

    def __init__(self) -> None:
        self.attached: list[Source] = []

    def content(
        self, content: str | Sequence[ContentPart], path: str, *, answer: bool = False
    ) -> list[dict[str, Any]]:
        """Return the parts of a message; *answer*: of the model's."""
        if isinstance(content, str):
            return [text_part(content, answer=answer)]
        return [
            self.part(part, f"{path}[{place}]", answer=answer) for place, part in enumerate(content)
        ]

    def part(self, part: ContentPart, path: str, *, answer: bool = False) -> dict[str, Any]:
        """Return one part.

        Raises:
            InvalidRequest: No upstream takes it, or it has no content.
        """
        if isinstance(part, VideoPart):
            refuse(f"{path}.type", "Video input is not supported.", "unsupported_value")
        if isinstance(part, RefusalPart):
            return {"type": "refusal", "refusal": part.refusal}
        if not isinstance(part, AttachedPart):
            return text_part(part.text, answer=answer)
        source = _source(part, path)
        self.attached.append(source)
        if source.kind == "image":
            detail = part.detail if isinstance(part, PictureInput) else None
            return {"type": _PICTURE, "detail": detail or "auto", **_picture(source)}
        return {"type": _FILE, **_file(source)}

    def screenshot(self, screenshot: Screenshot, path: str) -> dict[str, Any]:
        """Return the output of a computer."""
        part = InputImagePart(image_url=screenshot.image_url, file_id=screenshot.file_id)
        source = source_of(part, path)
        self.attached.append(source)
        return {"type": SCREENSHOT, **_picture(source)}


def text_part(text: str, *, answer: bool = False) -> dict[str, Any]:
    """Make a part of *text*."""
    if answer:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "input_text", "text": text}


def attachments(item: Item) -> Iterator[JsonPart]:
    """Yield the attachments of *item*."""
    if item["type"] == PICTURE_CALL:
        if _has_content(item):
            yield item
    elif item["type"] == _SCREENSHOT_RESULT:
        yield item["output"]
    else:
        yield from filter(is_attachment, parts(item))


def replaced(item: Item, change: Callable[[JsonPart], JsonPart]) -> Item:
    """Return *item* with each of its attachments changed."""
    if item["type"] == PICTURE_CALL:
        return change(item) if _has_content(item) else item
    if item["type"] == _SCREENSHOT_RESULT:
        return {**item, "output": change(item["output"])}
    changed = [change(part) if is_attachment(part) else part for part in parts(item)]
    return {**item, _LISTS[item["type"]]: changed} if changed else item


def parts(item: Item) -> Sequence[JsonPart]:
    """Return the parts of *item*; empty where it has none."""
    field = _LISTS.get(item["type"])
    found = item.get(field) if field is not None else None
    return found if isinstance(found, list | tuple) else ()


def is_attachment(part: JsonPart) -> bool:
    """Tell whether a part of a list is an attachment."""
    return part["type"] in _ATTACHED


def is_picture(part: JsonPart) -> bool:
    """Tell whether an attachment is a picture."""
    return str(part["type"]) != _FILE


def holds_picture(item: Item) -> bool:
    """Tell whether an item is a picture with its content."""
    return item["type"] == PICTURE_CALL and bool(item.get("result"))


def stored(part: JsonPart, *, sha256: str, mime: str, name: str) -> JsonPart:
    """Return an attachment without its content, which is stored under *sha256*."""
    kept = {field: value for field, value in part.items() if field not in _DATA}
    return {**kept, STORED: sha256, "mime": mime, "name": name}


def _has_content(item: Item) -> bool:
    return holds_picture(item) or STORED in item


def _source(part: AttachedPart, path: str) -> Source:
    match part:
        case PictureInput(image_url=None, file_id=None, url=str(url)):
            return Source(text=url, param=f"{path}.url", kind="image")
        case _:
            return source_of(part, path)


def _picture(source: Source) -> dict[str, Any]:
    if source.file_id is not None:
        return {"file_id": source.file_id}
    return {"image_url": source.text}


def _file(source: Source) -> dict[str, Any]:
    named = {} if source.filename is None else {"filename": source.filename}
    if source.file_id is not None:
        return {"file_id": source.file_id, **named}
    return {"file_url" if source.is_address else "file_data": source.text, **named}
