"""Input items in the one form in which they are kept, listed and sent (`openai-contract.md` 4.2).

Whatever form the client chose, an item comes out as the wire's own JSON with an id and a status,
its parts as a list, and no field that has no meaning. What it attaches is listed beside it, in
order, so that contents can be put in their places later.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from grokgate.errors import ObjectNotFound
from grokgate.openai import Source
from grokgate_responses.request.ids import NewId
from grokgate_responses.request.item_parts import Item, PartReader, text_part
from grokgate_responses.request.schema_items import (
    AnswerInput,
    CompactionInput,
    ContentPart,
    CustomCallInput,
    Entry,
    FunctionCallInput,
    ItemInput,
    MessageInput,
    OtherInput,
    PictureCallInput,
    ReasoningInput,
    ReferenceInput,
    ResultInput,
    ScreenshotInput,
    UnusedInput,
)

__all__ = ["Item", "Read", "read_items"]

_STATUSES: Final = frozenset({"in_progress", "completed", "incomplete"})
_PREFIXES: Final = {
    "compaction": "cmp_",
    "custom_tool_call": "ctc_",
    "custom_tool_call_output": "ctc_",
    "image_generation_call": "ig_",
    "message": "msg_",
    "reasoning": "rs_",
    "web_search_call": "ws_",
}
_OTHER_PREFIX: Final = "fc_"


class Read(Struct, frozen=True, kw_only=True):
    """An input that was read."""

    items: tuple[Item, ...] = ()
    attached: tuple[Source, ...] = ()
    """What the items attach, in their order; what is stored already is not among it."""
    ignored: tuple[str, ...] = ()
    """Paths of the types of items nobody knows."""


def read_items(entries: Iterable[Entry], *, resolved: Mapping[str, Item], new_id: NewId) -> Read:
    """Bring *entries* into the form in which items are kept.

    Args:
        entries: As `schema_items.read_input` lists them.
        resolved: Stored items by id, for those that are referred to.
        new_id: Makes the ids that are missing.

    Raises:
        InvalidRequest: A part cannot be used; names its place in ``param``.
        ObjectNotFound: ``item_not_found``: an id that *resolved* lacks.
    """
    reader = _Reader(resolved, new_id)
    for entry in entries:
        reader.read(entry)
    return reader.end()


class _Reader:
    """Collects items, and what they attach."""

    def __init__(self, resolved: Mapping[str, Item], new_id: NewId) -> None:
        self._resolved = resolved
        self._new_id = new_id
        self._parts = PartReader()
        self._items: list[Item] = []
        self._ignored: list[str] = []
        self._loose: list[dict[str, Any]] = []
        """Bare parts in a row: one message."""

    def read(self, entry: Entry) -> None:
        """Take the next entry."""
        content = entry.content
        if isinstance(content, ContentPart):
            self._loose.append(self._parts.part(content, entry.path))
            return
        self._close()
        if content is None:
            self._ignored.append(f"{entry.path}.type")
        elif isinstance(content, str):
            self._add("message", {"role": "user", "content": [text_part(content)]})
        elif isinstance(content, ReferenceInput):
            self._refer(content.id, f"{entry.path}.id")
        elif isinstance(content, OtherInput):
            self._add(entry.kind, _present(entry.given), content.id, content.status)
        elif not isinstance(content, UnusedInput):
            fields = self._fields(content, entry.path)
            self._add(entry.kind, _present(fields), content.id, content.status)

    def end(self) -> Read:
        """Return what was read."""
        self._close()
        return Read(
            items=tuple(self._items),
            attached=tuple(self._parts.attached),
            ignored=tuple(self._ignored),
        )

    def _close(self) -> None:
        if self._loose:
            self._add("message", {"role": "user", "content": self._loose})
            self._loose = []

    def _add(
        self,
        kind: str,
        fields: Mapping[str, Any],
        item_id: str | None = None,
        status: str | None = None,
    ) -> None:
        item = {
            **fields,
            "id": item_id or self._new_id(_PREFIXES.get(kind, _OTHER_PREFIX)),
            "type": kind,
            "status": status if status in _STATUSES else "completed",
        }
        self._items.append(item)

    def _refer(self, item_id: str, path: str) -> None:
        item = self._resolved.get(item_id)
        if item is None:
            raise ObjectNotFound("No such item.", code="item_not_found", param=path)
        self._items.append(item)

    def _fields(self, content: ItemInput, path: str) -> Mapping[str, Any]:
        """Return the fields that only items of this kind have; None stands for absence."""
        match content:
            case MessageInput():
                said = self._parts.content(content.content, f"{path}.content")
                return {"role": content.role, "content": said}
            case AnswerInput():
                said = self._parts.content(content.content, f"{path}.content", answer=True)
                return {"role": content.role, "content": said, "phase": content.phase}
            case FunctionCallInput():
                return {**_called(content), "arguments": content.arguments}
            case CustomCallInput():
                return {**_called(content), "input": content.input}
            case ResultInput():
                return self._result(content, path)
            case ScreenshotInput():
                shown = self._parts.screenshot(content.output, f"{path}.output")
                return {"call_id": content.call_id, "output": shown}
            case PictureCallInput():
                return self._picture(content, path)
            case ReasoningInput():
                told = [{"type": "summary_text", "text": s.text} for s in content.summary or ()]
                return {"summary": told}
            case CompactionInput():
                return {"encrypted_content": content.encrypted_content}
            case _:
                return {}

    def _result(self, content: ResultInput, path: str) -> Mapping[str, Any]:
        said = content.output
        output = said if isinstance(said, str) else self._parts.content(said, f"{path}.output")
        return {"call_id": content.call_id, "name": content.name, "output": output}

    def _picture(self, content: PictureCallInput, path: str) -> Mapping[str, Any]:
        if content.result:
            source = Source(text=content.result, param=f"{path}.result", kind="image")
            self._parts.attached.append(source)
        return {"result": content.result, "revised_prompt": content.revised_prompt}


def _called(content: FunctionCallInput | CustomCallInput) -> dict[str, Any]:
    return {
        "call_id": content.call_id,
        "name": content.name,
        "namespace": content.namespace,
    }


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
