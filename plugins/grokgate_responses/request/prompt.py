"""Items as the turns of a conversation, for an upstream that knows only text and attachments.

Calls and results of tools become labelled text (`grokgate.openai.transcript`). A call joins the
answer before it, as both were written in one turn.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from grokgate.openai import calls_text, result_text
from grokgate.upstream import Attachment, Blob, Message, Part, Role, Text
from grokgate_responses.request.item_parts import (
    Item,
    JsonPart,
    attachments,
    is_attachment,
    is_picture,
    parts,
)
from grokgate_responses.request.schema_items import CALLS, RESULTS

OfferedName: TypeAlias = Callable[[str, str | None], str]
"""Name and namespace of a tool → the name the model knows."""

_CALL_TEXTS: Final = {"custom_tool_call": "input", "function_call": "arguments"}
_RESULT_KINDS: Final = frozenset({"custom_tool_call_output", "function_call_output"})
_ROLES: Final[Mapping[str, Role]] = {
    "assistant": "assistant",
    "developer": "system",
    "system": "system",
    "user": "user",
}
_SUMMARY: Final = "[summary of the earlier conversation]\n{}"
_GONE: Final = "[an attachment that is no longer available]"
_LABEL: Final = "[{}]\n{}"
_COMPUTER: Final = "computer"
_OUTPUTS: Final = ("output", "result", "tools")
"""Fields in which results of other tools stand."""
_UNTOLD: Final = frozenset(
    {
        "acknowledged_safety_checks",
        "call_id",
        "caller",
        "container_id",
        "created_by",
        "fingerprint",
        "id",
        "pending_safety_checks",
        "status",
        "type",
    }
)
"""Fields of calls of other tools that tell the model nothing."""


class Prompt:
    """Turns items into messages.

    Args:
        items: All of them, oldest first: results find their calls among them.
        contents: Of the attachments of *items*, in order; None: not available.
        offered: Finds the names of tools.
        unsealed: Sealed content → text, for compactions.
    """

    def __init__(
        self,
        items: Sequence[Item],
        *,
        contents: Iterable[Blob | None],
        offered: OfferedName,
        unsealed: Mapping[str, str],
    ) -> None:
        self._items = items
        self._contents: Iterator[Blob | None] = iter(contents)
        self._offered = offered
        self._unsealed = unsealed
        self._names = {item["call_id"]: self._name(item) for item in items if _is_call(item)}

    def messages(self) -> tuple[Message, ...]:
        """Return the conversation."""
        turns: list[Message] = []
        calls: list[tuple[str, str]] = []
        for item in self._items:
            if item["type"] in _CALL_TEXTS:
                calls.append((self._name(item), item[_CALL_TEXTS[item["type"]]]))
                continue
            turn = self._turn(item)
            if turn is not None:
                _flush(turns, calls)
                turns.append(turn)
        _flush(turns, calls)
        return tuple(turns)

    def _turn(self, item: Item) -> Message | None:
        """Return the message an item other than a call becomes; None: it is not sent."""
        kind = item["type"]
        if kind == "message":
            said = self._parts(parts(item))
            return Message(role=_ROLES[item["role"]], parts=said) if said else None
        if kind in _RESULT_KINDS:
            return self._result(item)
        if kind == "computer_call_output":
            shown = (Text(text=result_text(_COMPUTER, "")), self._attached(item["output"]))
            return Message(role="tool", parts=shown)
        if kind == "image_generation_call":
            return self._picture(item)
        if kind == "compaction":
            text = self._unsealed.get(item["encrypted_content"])
            return None if text is None else _said("user", _SUMMARY.format(text))
        if kind in CALLS:
            return _said("assistant", _LABEL.format(kind, _json(_told(item))))
        if kind in RESULTS:
            name = kind.removesuffix("_output").removesuffix("_call")
            return _said("tool", result_text(name, _returned(item)))
        return None

    def _result(self, item: Item) -> Message:
        name = self._names.get(item["call_id"]) or item.get("name") or "tool"
        output = item["output"]
        if isinstance(output, str):
            return _said("tool", result_text(name, output))
        texts = [_words(part) for part in output if not is_attachment(part)]
        attached = [self._attached(part) for part in output if is_attachment(part)]
        label = Text(text=result_text(name, "\n".join(texts)))
        return Message(role="tool", parts=(label, *attached))

    def _picture(self, item: Item) -> Message | None:
        if not any(attachments(item)):
            return None
        label = Text(text=_LABEL.format("generated image", item.get("revised_prompt") or ""))
        return Message(role="assistant", parts=(label, self._attached(item)))

    def _parts(self, given: Iterable[JsonPart]) -> tuple[Part, ...]:
        return tuple(
            self._attached(part) if is_attachment(part) else Text(text=_words(part))
            for part in given
            if is_attachment(part) or _words(part)
        )

    def _attached(self, part: JsonPart) -> Part:
        blob = next(self._contents)
        if blob is None:
            return Text(text=_GONE)
        return Attachment(blob=blob, kind="image" if is_picture(part) else "file")

    def _name(self, item: Item) -> str:
        if item["type"] in _CALL_TEXTS:
            return self._offered(item["name"], item.get("namespace"))
        return str(item["type"]).removesuffix("_call")


def _is_call(item: Item) -> bool:
    return isinstance(item.get("call_id"), str) and (
        item["type"] in _CALL_TEXTS or item["type"] in CALLS
    )


def _flush(turns: list[Message], calls: list[tuple[str, str]]) -> None:
    """Add *calls* to the answer they belong to, and forget them."""
    if not calls:
        return
    block = Text(text=calls_text(calls))
    calls.clear()
    before = turns.pop().parts if turns and turns[-1].role == "assistant" else ()
    turns.append(Message(role="assistant", parts=(*before, block)))


def _said(role: Role, text: str) -> Message:
    return Message(role=role, parts=(Text(text=text),))


def _words(part: JsonPart) -> str:
    return str(part["refusal"] if part["type"] == "refusal" else part["text"])


def _told(item: Item) -> Mapping[str, Any]:
    """Return what a call of another tool says; the pages a search found are left out."""
    told = {field: value for field, value in item.items() if field not in _UNTOLD}
    action = told.get("action")
    if isinstance(action, Mapping) and "sources" in action:
        told["action"] = {field: value for field, value in action.items() if field != "sources"}
    return told


def _returned(item: Item) -> str:
    output = next((item[field] for field in _OUTPUTS if field in item), "")
    return output if isinstance(output, str) else _json(output)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
