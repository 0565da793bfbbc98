"""Summaries that clients carry: only the key they were made for can bring them back (S13)."""

from typing import Any, Final

from grokgate.plugin import PluginContext

_KIND: Final = b"compaction\n"
"""Reasoning is sealed for clients too, and is no summary."""


def seal_summary(ctx: PluginContext[Any], text: str, *, owner: str) -> str:
    """Return *text* sealed for *owner*, as base64url."""
    return ctx.objects.seal(_KIND + text.encode(errors="replace"), owner=owner)


def open_summary(ctx: PluginContext[Any], sealed: str, *, owner: str) -> str | None:
    """Return the text of a sealed summary; None: not ours, or another owner's."""
    content = ctx.objects.unseal(sealed, owner=owner)
    if content is None or not content.startswith(_KIND):
        return None
    return content.removeprefix(_KIND).decode()
