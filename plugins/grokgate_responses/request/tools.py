"""The tools of a request: declared, offered to the model, echoed (`openai-contract.md` 4.3)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from grokgate.openai.emulate import Choice, Tool, declare
from grokgate_responses.request.choice import Declarations
from grokgate_responses.request.offers import to_offers
from grokgate_responses.request.schema import ResponsesRequest
from grokgate_responses.request.schema_tools import (
    FunctionTool,
    NamespaceTool,
    OtherTool,
    ToolEntry,
    read_choice,
    read_tools,
)

_SECRETS: Final = frozenset({"authorization", "headers"})
"""Fields of a tool that are never repeated."""


class Tools(Struct, frozen=True, kw_only=True):
    """The tools of one request."""

    tools: tuple[Tool, ...] = ()
    """What the model may call, by the names it is offered under."""
    choice: Choice = Choice()
    namespaces: Mapping[str, str] = {}
    """Name offered → namespace, of the tools that have one."""
    names: Mapping[str, str] = {}
    """Name offered → name declared, where they differ."""
    places: Mapping[tuple[str, str], str] = {}
    """Namespace and name declared → name offered, of the tools that have a namespace."""
    declares_search: bool = False
    search: bool = False
    """The upstream's own search is declared and allowed."""
    images: Mapping[str, Any] | None = None
    """Options of ``image_generation`` as declared; None: undeclared or not allowed."""
    demand: str = ""
    """What the model is told where search or pictures must be used."""
    echo: list[dict[str, Any]] = []
    """``tools`` as the response object shows them."""
    ignored: tuple[str, ...] = ()
    """Paths of the types of tools without effect."""

    def called(self, name: str) -> tuple[str, str | None]:
        """Return the declared name and the namespace of a tool that was offered as *name*."""
        return self.names.get(name, name), self.namespaces.get(name)

    def offered(self, name: str, namespace: str | None) -> str:
        """Return the name under which a declared tool is offered; an unknown one keeps its own."""
        return self.places.get((namespace or "", name), name)


def to_tools(request: ResponsesRequest) -> Tools:
    """Read the tools of *request*; their schemas are compiled.

    Raises:
        InvalidRequest: Names the field in ``param``.
    """
    entries = read_tools(request.tools or ())
    offers = to_offers(entries)
    declared = Declarations.of(entries, offers)
    chosen = declared.choose(
        read_choice(request.tool_choice), parallel=request.parallel_tool_calls is not False
    )
    inner = [offer for offer in offers if offer.namespace is not None]
    return Tools(
        tools=declare(offer.declared() for offer in offers),
        choice=chosen.choice,
        namespaces={offer.name: offer.place[0] for offer in inner},
        names={offer.name: offer.tool.name for offer in inner if offer.name != offer.tool.name},
        places={offer.place: offer.name for offer in inner},
        declares_search=declared.declares_search,
        search=chosen.search,
        images=chosen.images,
        demand=chosen.demand,
        echo=[_echo(entry) for entry in entries],
        ignored=tuple(_ignored(entries)),
    )


def _echo(entry: ToolEntry) -> dict[str, Any]:
    """Return a tool as it was declared, with the fields that clients rely on."""
    given = {field: value for field, value in entry.given.items() if field not in _SECRETS}
    tool = entry.tool
    if isinstance(tool, FunctionTool):
        strict = tool.strict is not False
        told = {"description": tool.description, "parameters": tool.parameters, "strict": strict}
        return {**given, **told}
    if isinstance(tool, NamespaceTool):
        inner = [_echo(each) for each in entry.inner]
        return {**given, "description": tool.description or "", "tools": inner}
    return given


def _ignored(entries: Sequence[ToolEntry]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry.tool, OtherTool):
            yield f"{entry.path}.type"
        yield from _ignored(entry.inner)
