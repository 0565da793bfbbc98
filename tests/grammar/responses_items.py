"""The items of a streamed response, each read from ``added`` to ``done`` (contract 4.5, 4.8)."""

from collections.abc import Mapping
from typing import Any

from grammar.cursor import Cursor, Event, broken

_PREFIXES = {
    "message": "msg_",
    "reasoning": "rs_",
    "function_call": "fc_",
    "custom_tool_call": "ctc_",
    "web_search_call": "ws_",
    "image_generation_call": "ig_",
}
_CALLS = ("function_call", "custom_tool_call")


class Items:
    """Reads items by recursive descent, one method per rule of the grammar."""

    def __init__(self, cursor: Cursor) -> None:
        self.items: list[Mapping[str, Any]] = []
        """As they were when they were done."""
        self._cursor = cursor

    def read(self) -> None:
        """Read the next item, from ``added`` to ``done``."""
        added = self._cursor.next("response.output_item.added")
        item = added["item"]
        if added["output_index"] != len(self.items):
            broken("output index", added["output_index"])
        kind = item["type"]
        if kind not in _PREFIXES or not item["id"].startswith(_PREFIXES[kind]):
            broken("item id", item["id"])
        if item["status"] != "in_progress":
            broken("added status", item["status"])
        seen = [one["type"] for one in self.items]
        if any(one in _CALLS for one in seen) and kind not in _CALLS:
            broken("item order", f"{kind} after a call")
        if kind == "web_search_call" and "message" in seen:
            broken("item order", "search after the message")
        readers = {
            "message": self._message,
            "reasoning": self._reasoning,
            "function_call": self._function,
            "custom_tool_call": self._custom,
            "web_search_call": self._search,
            "image_generation_call": self._image,
        }
        filled = readers[kind](item)
        done = self._cursor.next("response.output_item.done")
        if done["output_index"] != len(self.items) or done["item"]["id"] != item["id"]:
            broken("interleaved items", done["item"]["id"])
        self._done(item, filled, done["item"])
        self.items.append(done["item"])

    def _done(
        self, added: Mapping[str, Any], filled: Mapping[str, Any], done: Mapping[str, Any]
    ) -> None:
        statuses = ("completed", "incomplete")
        if added["type"] == "image_generation_call":
            statuses = ("completed", "failed")
        if done["status"] not in statuses:
            broken("done status", done["status"])
        for field, value in filled.items():
            if done[field] != value:
                broken("done item", f"{field} is not what was sent")
        for field, value in added.items():
            if field != "status" and field not in filled and done.get(field) != value:
                broken("done item", f"{field} changed")

    def _message(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        if item["content"] or item["role"] != "assistant":
            broken("added item", item)
        parts: list[Any] = []
        while not parts or self._cursor.peek() == "response.content_part.added":
            parts.append(self._part(item["id"], len(parts)))
        return {"content": parts}

    def _part(self, item_id: str, index: int) -> Any:
        added = self._of(item_id, "response.content_part.added", content_index=index)
        is_refusal = added["part"]["type"] == "refusal"
        part = self._refusal(item_id, index) if is_refusal else self._text(item_id, index, added)
        done = self._of(item_id, "response.content_part.done", content_index=index)
        if done["part"] != part:
            broken("part done", "is not what was sent")
        return part

    def _text(self, item_id: str, index: int, added: Event) -> Any:
        empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        if added["part"] != empty:
            broken("part added", added["part"])
        text = ""
        annotations: list[Any] = []
        delta = "response.output_text.delta"
        annotation = "response.output_text.annotation.added"
        while self._cursor.peek() in (delta, annotation):
            event = self._of(item_id, delta, annotation, content_index=index)
            if event["type"] == delta:
                text += self._delta(event)
                continue
            if event["annotation_index"] != len(annotations):
                broken("annotation index", event["annotation_index"])
            annotations.append(event["annotation"])
        done = self._of(item_id, "response.output_text.done", content_index=index)
        if done["text"] != text:
            broken("text done", "is not the deltas joined")
        for link in annotations:
            if not 0 <= link["start_index"] <= link["end_index"] <= len(text):
                broken("annotation place", link)
        return {**empty, "text": text, "annotations": annotations}

    def _refusal(self, item_id: str, index: int) -> Any:
        text = ""
        while self._cursor.peek() == "response.refusal.delta":
            text += self._delta(self._of(item_id, "response.refusal.delta", content_index=index))
        done = self._of(item_id, "response.refusal.done", content_index=index)
        if done["refusal"] != text:
            broken("refusal done", "is not the deltas joined")
        return {"type": "refusal", "refusal": text}

    def _reasoning(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        if item["summary"]:
            broken("added item", item)
        parts: list[Any] = []
        name = "response.reasoning_summary_"
        while self._cursor.peek() == name + "part.added":
            at = {"summary_index": len(parts)}
            added = self._of(item["id"], name + "part.added", **at)
            if added["part"] != {"type": "summary_text", "text": ""}:
                broken("part added", added["part"])
            text = ""
            while self._cursor.peek() == name + "text.delta":
                text += self._delta(self._of(item["id"], name + "text.delta", **at))
            if self._of(item["id"], name + "text.done", **at)["text"] != text:
                broken("text done", "is not the deltas joined")
            parts.append({"type": "summary_text", "text": text})
            if self._of(item["id"], name + "part.done", **at)["part"] != parts[-1]:
                broken("part done", "is not what was sent")
        return {"summary": parts}

    def _function(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        done = self._call(item, "response.function_call_arguments", "arguments")
        if done["name"] != item["name"]:
            broken("call name", done["name"])
        return {"arguments": done["arguments"]}

    def _custom(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"input": self._call(item, "response.custom_tool_call_input", "input")["input"]}

    def _call(self, item: Mapping[str, Any], name: str, field: str) -> Event:
        if item[field] or not item["call_id"]:
            broken("added item", item)
        text = self._of(item["id"], name + ".delta")["delta"]
        while self._cursor.peek() == name + ".delta":
            text += self._of(item["id"], name + ".delta")["delta"]
        done = self._of(item["id"], name + ".done")
        if done[field] != text:
            broken(f"{field} done", "is not the deltas joined")
        return done

    def _search(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        for step in ("in_progress", "searching", "completed"):
            self._of(item["id"], f"response.web_search_call.{step}")
        return {}

    def _image(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        if item["result"] is not None:
            broken("added item", item)
        name = "response.image_generation_call."
        self._of(item["id"], name + "in_progress")
        self._of(item["id"], name + "generating")
        previews = 0
        while self._cursor.peek() == name + "partial_image":
            event = self._of(item["id"], name + "partial_image")
            if event["partial_image_index"] != previews:
                broken("preview index", event["partial_image_index"])
            previews += 1
        self._of(item["id"], name + "completed")
        done = self._cursor.ahead().get("item", item)
        if (done.get("result") is None) != (done["status"] == "failed"):
            broken("picture", done["status"])
        return {"result": done.get("result")}

    def _delta(self, event: Event) -> str:
        delta: str = event["delta"]
        if not delta:
            broken("empty delta", event["type"])
        return delta

    def _of(self, item_id: str, *kinds: str, **at: int) -> Event:
        """Take the next event, which must belong to the open item."""
        event = self._cursor.next(*kinds)
        if event["item_id"] != item_id or event["output_index"] != len(self.items):
            broken("item id", event["item_id"])
        for field, index in at.items():
            if event[field] != index:
                broken("part index", event[field])
        return event
