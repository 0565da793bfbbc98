"""Requests → what the upstream is asked (`openai-contract.md` 4.1 to 4.3, 4.6).

1. `references` names the stored items that have to be got.
2. `ask` applies the rules between fields and reads items, tools and form.
3. `sources` lists what is to be decoded, fetched or opened.
4. `conversation` puts history, texts and the resulting blobs in their places.

What of it is stored: `request.storing`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from msgspec import Struct, field, structs

from grokgate.openai import (
    MAX_ATTACHMENTS,
    Source,
    View,
    ViewOptions,
    effective_effort,
    shown,
    without_data,
)
from grokgate.openai.emulate import Format, Wanted, declared_format
from grokgate.upstream import Blob, Conversation, Effort, Message, Text
from grokgate_responses.request.chat_items import read_messages
from grokgate_responses.request.checks import check_calls, check_request, check_substance
from grokgate_responses.request.ids import ItemIds, NewId
from grokgate_responses.request.item_parts import (
    STORED,
    attachments,
)
from grokgate_responses.request.items import Item, read_items
from grokgate_responses.request.prompt import Prompt
from grokgate_responses.request.reading import refuse
from grokgate_responses.request.schema import ObjectForm, Reasoning, ResponsesRequest, SchemaForm
from grokgate_responses.request.schema_items import (
    CompactionInput,
    Entry,
    ReferenceInput,
    read_input,
)
from grokgate_responses.request.tools import Tools, to_tools

Unseal: TypeAlias = Callable[[str], str | None]
"""Sealed content → its text; None: not ours, or another owner's."""

_MOST_REFERENCES: Final = 100
"""Each may lead to another stored response, which is read as a whole."""


class History(Struct, frozen=True, kw_only=True):
    """Items of earlier turns, with what they attach."""

    items: tuple[Item, ...] = ()
    """Input and output of all turns, oldest first; what they attach lies in *blobs*."""
    blobs: Mapping[str, Blob] = {}
    """Attachments of the items, by SHA-256 in hexadecimal."""
    affinity: str | None = None
    """Name of the conversation they belong to; None: they belong to several, or nobody named it."""


class Asked(Struct, frozen=True, kw_only=True):
    """A checked request."""

    request: ResponsesRequest
    ids: ItemIds = field(default_factory=ItemIds)
    """Ids of the response and its items."""
    items: tuple[Item, ...]
    """The new input, ids filled in, contents of attachments still in their places."""
    attached: tuple[Source, ...] = ()
    """Those contents, in order."""
    stored: Mapping[str, Blob] = {}
    """Attachments of items that were referred to, by SHA-256."""
    unsealed: Mapping[str, str] = {}
    """Sealed content → text, of all compactions."""
    tools: Tools = Tools()
    wanted: Wanted = Wanted()
    view: View
    effort: Effort | None = None
    search: bool = True
    """The upstream may search."""
    ignored: tuple[str, ...] = ()
    """Paths of items, tools and fields without effect, for ``x-grokgate-ignored``."""
    draws: bool = False
    """An image model is asked, and for the pictures themselves."""

    @property
    def takes_pictures(self) -> bool:
        """Whether pictures become items; else they are text."""
        return self.draws or self.tools.images is not None


def references(request: ResponsesRequest) -> list[str]:
    """List the ids of the stored items that *request* refers to, each once.

    Raises:
        InvalidRequest: There are too many.
    """
    entries = read_input(request.input)
    found = [entry.content.id for entry in entries if isinstance(entry.content, ReferenceInput)]
    if len(found) > _MOST_REFERENCES:
        refuse(
            "input",
            f"At most {_MOST_REFERENCES} items can be referred to.",
            "array_above_max_length",
        )
    return list(dict.fromkeys(found))


def ask(
    request: ResponsesRequest,
    *,
    options: ViewOptions,
    history: History | None,
    resolved: History | None = None,
    unseal: Unseal | None = None,
    strict: bool = False,
) -> Asked:
    """Check a request, and read what it asks for.

    Args:
        request: Decoded, so that all types are right.
        options: The core's section ``grok``.
        history: What ``previous_response_id`` stands for.
        resolved: The stored items that `references` lists, as far as they were found.
        unseal: Opens compactions.
        strict: ``compat.strict_params``: refuse what would be ignored.

    Raises:
        InvalidRequest: Names the field in ``param``.
        ObjectNotFound: ``item_not_found``: *resolved* lacks an item.
    """
    check_request(request)
    ids, resolved = ItemIds(), resolved or History()
    entries = _entries(request, ids)
    earlier = history.items if history is not None else ()
    found = {str(item["id"]): item for item in resolved.items}
    read = read_items(entries, resolved=found, new_id=ids)
    if request.input is not None:
        check_calls(read.items, earlier)
    tools = to_tools(request)
    form = _format(request)
    asked = Asked(
        request=request,
        ids=ids,
        items=read.items,
        attached=read.attached,
        stored=resolved.blobs,
        unsealed=dict(_unsealed(entries, earlier, unseal)),
        tools=tools,
        wanted=Wanted(
            tools=tools.tools, choice=tools.choice, format=form, most=request.max_output_tokens
        ),
        view=_view(request, options),
        effort=effective_effort(_reasoning(request).effort, request.thinks),
        search=tools.search if tools.declares_search else not (tools.tools or form),
        ignored=(*read.ignored, *tools.ignored),
    )
    if strict and asked.ignored:
        refuse(asked.ignored[0], "This type is not supported here.", "unsupported_value")
    check_substance(request, (*earlier, *read.items))
    return asked


def sources(asked: Asked) -> list[Source]:
    """List what the new items attach, in order."""
    return list(asked.attached)


def conversation(asked: Asked, history: History | None, blobs: Sequence[Blob]) -> Conversation:
    """Build the conversation.

    Args:
        asked: The request.
        history: The same that `ask` was given.
        blobs: Contents of `sources`, in order.
    """
    earlier = history or History()
    prompt = Prompt(
        (*earlier.items, *asked.items),
        contents=_contents(asked, earlier, blobs),
        offered=asked.tools.offered,
        unsealed=asked.unsealed,
    )
    told = filter(None, (asked.request.instructions, asked.tools.demand))
    heads = tuple(Message(role="system", parts=(Text(text=text),)) for text in told)
    messages = (*heads, *prompt.messages())
    return without_data(Conversation(messages=messages, effort=asked.effort, search=asked.search))


def _entries(request: ResponsesRequest, new_id: NewId) -> list[Entry]:
    if request.input is None and request.messages is not None:
        return read_messages(request.messages, new_id=new_id)
    return read_input(request.input)


def _unsealed(
    entries: Iterable[Entry], earlier: Iterable[Item], unseal: Unseal | None
) -> Iterator[tuple[str, str]]:
    """Yield the contents of compactions with their texts.

    Raises:
        InvalidRequest: A new one cannot be opened.
    """
    for entry in entries:
        if isinstance(entry.content, CompactionInput):
            sealed = entry.content.encrypted_content
            text = unseal(sealed) if unseal is not None else None
            if text is None:
                refuse(f"{entry.path}.encrypted_content", "The compaction cannot be opened.")
            yield sealed, text
    for item in earlier:
        if item["type"] == "compaction" and unseal is not None:
            text = unseal(item["encrypted_content"])
            if text is not None:
                yield item["encrypted_content"], text


def _reasoning(request: ResponsesRequest) -> Reasoning:
    return request.reasoning or Reasoning()


def _view(request: ResponsesRequest, options: ViewOptions) -> View:
    """Decide what to show; ``summary`` chooses between step titles and the reasoning itself."""
    reasoning = _reasoning(request)
    view = shown(reasoning.effort, request.thinks, options)
    match reasoning.summary or reasoning.generate_summary:
        case "concise":
            return structs.replace(view, summary=True)
        case "detailed":
            return structs.replace(view, summary=False)
        case _:
            return view


def _format(request: ResponsesRequest) -> Format | None:
    form = request.text.format if request.text is not None else None
    if isinstance(form, ObjectForm):
        return declared_format(None)
    if isinstance(form, SchemaForm):
        return declared_format(
            form.schema,
            name=form.name,
            description=form.description,
            strict=form.strict,
            param="text.format.schema",
        )
    return None


def _contents(asked: Asked, history: History, blobs: Sequence[Blob]) -> list[Blob | None]:
    """Find the contents of all attachments; of too many the oldest are left out."""
    at_hand = {**history.blobs, **asked.stored}
    waiting = iter(blobs)
    found = [at_hand.get(part[STORED]) for item in history.items for part in attachments(item)]
    found += [
        at_hand.get(part[STORED]) if STORED in part else next(waiting)
        for item in asked.items
        for part in attachments(item)
    ]
    surplus = sum(blob is not None for blob in found) - MAX_ATTACHMENTS
    for place, blob in enumerate(found):
        if surplus > 0 and blob is not None:
            found[place] = None
            surplus -= 1
    return found
