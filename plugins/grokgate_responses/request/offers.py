"""Functions and free-text tools in one flat list, as they are offered to the model.

Those of a namespace keep their names, unless another tool has the same one: then they are offered
as ``namespace__name``.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from grokgate.openai.emulate import Declared
from grokgate_responses.request.reading import refuse
from grokgate_responses.request.schema_tools import (
    CustomFormat,
    CustomTool,
    FunctionTool,
    NamespaceTool,
    ToolEntry,
)

_NAME_LENGTH: Final = 64
_DIGEST_LENGTH: Final = 8
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]")
_GRAMMAR: Final = "The input must follow this {syntax} grammar:\n{definition}"


class Offer(Struct, frozen=True, kw_only=True):
    """A tool the model may call."""

    path: str
    """Where it is declared."""
    tool: FunctionTool | CustomTool
    namespace: NamespaceTool | None = None
    name: str
    """The model knows it by."""

    @property
    def is_custom(self) -> bool:
        """Whether it takes free text."""
        return isinstance(self.tool, CustomTool)

    @property
    def place(self) -> tuple[str, str]:
        """Its namespace, or empty, and its declared name."""
        return self.namespace.name if self.namespace is not None else "", self.tool.name

    def declared(self) -> Declared:
        """Describe it to the emulation of tools."""
        tool = self.tool
        if isinstance(tool, CustomTool):
            described = "\n".join(filter(None, (self._description(), _grammar(tool.format))))
            return Declared(name=self.name, description=described, custom=True, param=self.path)
        return Declared(
            name=self.name,
            description=self._description(),
            parameters=tool.parameters,
            strict=tool.strict,
            param=self.path,
        )

    def _description(self) -> str:
        said = self.tool.description or ""
        if self.namespace is None:
            return said
        return f"{self.namespace.name}: {said or self.namespace.description or ''}"


def to_offers(entries: Sequence[ToolEntry]) -> tuple[Offer, ...]:
    """List what the model may be offered of *entries*.

    Raises:
        InvalidRequest: A name occurs twice at the same place.
    """
    found = list(_found(entries))
    known: set[tuple[str, str]] = set()
    for offer in found:
        if offer.place in known:
            refuse(f"{offer.path}.name", "Each tool needs a name of its own.")
        known.add(offer.place)
    count = Counter(offer.tool.name for offer in found)
    clashing = {offer.place for offer in found if offer.place[0] and count[offer.tool.name] > 1}
    taken = {offer.tool.name for offer in found if offer.place not in clashing}
    return tuple(
        _renamed(offer, _qualified(*offer.place, taken)) if offer.place in clashing else offer
        for offer in found
    )


def _found(entries: Sequence[ToolEntry]) -> Iterator[Offer]:
    for entry in entries:
        if isinstance(entry.tool, FunctionTool | CustomTool):
            yield Offer(path=entry.path, tool=entry.tool, name=entry.tool.name)
        elif isinstance(entry.tool, NamespaceTool):
            for inner in entry.inner:
                if isinstance(inner.tool, FunctionTool | CustomTool):
                    yield Offer(
                        path=inner.path,
                        tool=inner.tool,
                        namespace=entry.tool,
                        name=inner.tool.name,
                    )


def _renamed(offer: Offer, name: str) -> Offer:
    return Offer(path=offer.path, tool=offer.tool, namespace=offer.namespace, name=name)


def _qualified(namespace: str, name: str, taken: set[str]) -> str:
    """Make a name of both that fits and that no other tool has; note it as taken."""
    both = _NOT_IN_NAMES.sub("_", f"{namespace}__{name}")
    if len(both) > _NAME_LENGTH or both in taken:
        digest = hashlib.sha256(f"{namespace}\0{name}".encode(errors="replace")).hexdigest()
        start = both[: _NAME_LENGTH - _DIGEST_LENGTH - 1]
        both = f"{start}_{digest[:_DIGEST_LENGTH]}"
    taken.add(both)
    return both


def _grammar(form: CustomFormat | None) -> str:
    if form is None or not form.definition:
        return ""
    return _GRAMMAR.format(syntax=form.syntax or "formal", definition=form.definition)
