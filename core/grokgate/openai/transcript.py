"""Earlier tool calls and their results as labelled text, for upstreams that know only text.

Calls take the block form of `openai-contract.md` 3.4, in which a model is asked to write new ones.
"""

import re
from collections.abc import Iterable
from html import escape

from msgspec import structs

from grokgate.upstream import Conversation, Message, Part, Text

_DATA = re.compile(r"\]\(data:[^]()]*\)")
"""Stops at brackets, so that text which repeats the beginning takes linear time."""


def calls_text(calls: Iterable[tuple[str, str]]) -> str:
    """Render *calls*, pairs of tool name and its arguments as text, as one block."""
    lines = [
        f'<tool_call name="{escape(name)}">{arguments}</tool_call>' for name, arguments in calls
    ]
    return "\n".join(("<tool_calls>", *lines, "</tool_calls>"))


def result_text(name: str, text: str) -> str:
    """Render what the tool *name* returned."""
    return f"[result of {name}]\n{text}"


def without_data(conversation: Conversation) -> Conversation:
    """Leave out what pictures in earlier answers hold: megabytes of base64 that say nothing."""
    if not any(_holds_data(message) for message in conversation.messages):
        return conversation
    messages = tuple(
        structs.replace(message, parts=tuple(map(_without_data, message.parts)))
        if _holds_data(message)
        else message
        for message in conversation.messages
    )
    return structs.replace(conversation, messages=messages)


def _holds_data(message: Message) -> bool:
    return message.role == "assistant" and any(
        isinstance(part, Text) and "](data:" in part.text for part in message.parts
    )


def _without_data(part: Part) -> Part:
    return Text(text=_DATA.sub("](shown)", part.text)) if isinstance(part, Text) else part
