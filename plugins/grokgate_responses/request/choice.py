"""Reads ``tool_choice``: what may be used of the declared tools, and what must be (contract 4.1).

| Choice | Functions | Search and pictures |
| :-- | :-- | :-- |
| ``auto`` or absent | may be called | allowed where declared |
| ``none`` | not offered | off |
| ``required`` | must be called, if any is declared | as ``auto``; else asked for |
| a function or free-text tool | this one must be called | off |
| ``allowed_tools`` | only those named | only if named |
| search, pictures | not offered | asked for |
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from grokgate.openai.emulate import Choice
from grokgate_responses.request.offers import Offer
from grokgate_responses.request.reading import miss, refuse
from grokgate_responses.request.schema_tools import (
    ChoiceInput,
    ChosenTool,
    PictureTool,
    SearchTool,
    ToolEntry,
    is_search,
)

_PICTURES: Final = "image_generation"
_CALLABLE: Final = frozenset({"custom", "function"})
_UNAVAILABLE: Final = frozenset(
    {
        "apply_patch",
        "code_interpreter",
        "file_search",
        "local_shell",
        "mcp",
        "programmatic_tool_calling",
        "shell",
        "tool_search",
    }
)
_COMPUTER: Final = "computer"
"""Begins the names of further kinds that are not available."""
_SEARCH_NOW: Final = "Search the web before you answer."
_DRAW_NOW: Final = "Generate an image now: it is the answer."


class Chosen(Struct, frozen=True, kw_only=True):
    """What may be used, and what must be."""

    choice: Choice
    """Of the functions and free-text tools."""
    search: bool = False
    images: Mapping[str, Any] | None = None
    """Options of the tool, where it may be used."""
    demand: str = ""
    """What the model is told to make it use search or pictures."""


class Declarations(Struct, frozen=True, kw_only=True):
    """The declared tools, as far as a choice may name them."""

    kinds: Collection[str]
    offers: Sequence[Offer]
    declares_search: bool
    search: bool
    """The upstream's own search is declared, and not switched off."""
    images: Mapping[str, Any] | None
    """Options of ``image_generation``; None: not declared."""

    @classmethod
    def of(cls, entries: Sequence[ToolEntry], offers: Sequence[Offer]) -> "Declarations":
        """Sum up *entries*."""
        searches = [entry.tool for entry in entries if isinstance(entry.tool, SearchTool)]
        pictures = [entry.given for entry in entries if isinstance(entry.tool, PictureTool)]
        return cls(
            kinds=frozenset(entry.kind for entry in entries),
            offers=offers,
            declares_search=bool(searches),
            search=bool(searches)
            and all(search.external_web_access is not False for search in searches),
            images=pictures[0] if pictures else None,
        )

    def choose(self, asked: ChoiceInput | str | None, *, parallel: bool) -> Chosen:
        """Apply ``tool_choice``.

        Raises:
            InvalidRequest: It names what is not declared, or forces what is not available.
        """
        if asked is None or asked == "auto":
            return self._anything(Choice(parallel=parallel))
        if asked == "none":
            return Chosen(choice=Choice(mode="none"))
        if isinstance(asked, str):
            return self._required(parallel=parallel)
        if asked.type == "allowed_tools":
            return self._allowed(asked, parallel=parallel)
        return self._forced(asked, parallel=parallel)

    def _anything(self, choice: Choice) -> Chosen:
        return Chosen(choice=choice, search=self.search, images=self.images)

    def _required(self, *, parallel: bool) -> Chosen:
        if self.offers:
            return self._anything(Choice(mode="required", parallel=parallel))
        if not self.kinds:
            refuse("tool_choice", "'tool_choice' is 'required', but no tools are declared.")
        return self._own(search=self.search, images=self.images, path="tool_choice")

    def _forced(self, asked: ChoiceInput, *, parallel: bool) -> Chosen:
        names = self._names(asked, "tool_choice")
        if names:
            return Chosen(choice=Choice(mode="required", allowed=names, parallel=parallel))
        return self._own(
            search=self.search and is_search(asked.type),
            images=self.images if asked.type == _PICTURES else None,
            path="tool_choice.type",
        )

    def _allowed(self, asked: ChoiceInput, *, parallel: bool) -> Chosen:
        if asked.mode is None:
            miss("tool_choice.mode")
        if asked.tools is None:
            miss("tool_choice.tools")
        names: frozenset[str] = frozenset()
        for place, entry in enumerate(asked.tools):
            names |= self._names(entry, f"tool_choice.tools[{place}]")
        kinds = [entry.type for entry in asked.tools]
        search = self.search and any(map(is_search, kinds))
        images = self.images if _PICTURES in kinds else None
        if names:
            choice = Choice(mode=asked.mode, allowed=names, parallel=parallel)
            return Chosen(choice=choice, search=search, images=images)
        if asked.mode == "required":
            return self._own(search=search, images=images, path="tool_choice.tools")
        return Chosen(choice=Choice(mode="none"), search=search, images=images)

    def _own(self, *, search: bool, images: Mapping[str, Any] | None, path: str) -> Chosen:
        """Ask for what the upstream does itself, and for nothing else."""
        if not search and images is None:
            refuse(path, "No tool that could be used is asked for.", "unsupported_value")
        demand = _SEARCH_NOW if images is None else "" if search else _DRAW_NOW
        return Chosen(choice=Choice(mode="none"), search=search, images=images, demand=demand)

    def _names(self, entry: ChosenTool, path: str) -> frozenset[str]:
        """Return the names a callable tool is offered under; empty for one of another kind.

        Raises:
            InvalidRequest: It is not declared.
        """
        if entry.type in _CALLABLE:
            if entry.name is None:
                miss(f"{path}.name")
            names = frozenset(offer.name for offer in self.offers if _is_meant(offer, entry))
            if not names:
                refuse(f"{path}.name", "No tool of this name and type is declared.")
            return names
        if not self._has(entry.type):
            refuse(f"{path}.type", "No tool of this type is declared.")
        return frozenset()

    def _has(self, kind: str) -> bool:
        if is_search(kind):
            return self.declares_search
        known = kind in _UNAVAILABLE or kind.startswith(_COMPUTER)
        return known or kind in self.kinds


def _is_meant(offer: Offer, entry: ChosenTool) -> bool:
    return (
        offer.tool.name == entry.name
        and offer.is_custom == (entry.type == "custom")
        and entry.namespace in (None, offer.place[0])
    )
