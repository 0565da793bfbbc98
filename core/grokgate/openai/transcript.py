"""Earlier tool calls and their results as labelled text, for upstreams that know only text.

Calls take the block form of `openai-contract.md` 3.4, in which a model is asked to write new ones.
"""

from collections.abc import Iterable
from html import escape


def calls_text(calls: Iterable[tuple[str, str]]) -> str:
    """Render *calls*, pairs of tool name and its arguments as text, as one block."""
    lines = [
        f'<tool_call name="{escape(name)}">{arguments}</tool_call>' for name, arguments in calls
    ]
    return "\n".join(("<tool_calls>", *lines, "</tool_calls>"))


def result_text(name: str, text: str) -> str:
    """Render what the tool *name* returned."""
    return f"[result of {name}]\n{text}"
