"""Cards an answer refers to: citations, found pictures, tools at work (2.5, 2.6)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from grokgate.upstream import Activity, Source
from grokgate_web.profile import Stream

MAX_CARDS = 1000

_CARD_ID = re.compile(r"""\bcard_id=["']([^"']*)["']""")
_TOOL_ID = re.compile(r"<xai:tool_usage_card_id>([^<]*)<")
_TOOL_NAME = re.compile(r"<xai:tool_name>([^<]*)<")
_TOOL_ARGS = re.compile(r"<xai:tool_args>\s*(?:<!\[CDATA\[)?(\{.*\})", re.DOTALL)
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_ESCAPES = {ord(char): f"%{ord(char):02X}" for char in "()<>[] \"'\\"}


class Card(Struct, frozen=True, kw_only=True):
    """What one mark in the text stands for; addresses are fit for Markdown."""

    type: str
    url: str = ""
    picture: str = ""
    title: str = ""
    link: str = ""


class Cards:
    """The cards of one answer, by id; the oldest give way when there are too many."""

    def __init__(self) -> None:
        self._cards: dict[str, Card] = {}

    def add(self, attachment: object) -> Mapping[str, Any]:
        """Remember the card in an attachment, and return what it says; empty: it is none."""
        outer = _mapping(attachment)
        content = outer.get("jsonData") or outer.get("json_data")
        card = _decoded(content) if isinstance(content, str) else _mapping(content)
        if not isinstance(card.get("id"), str):
            return card
        image = _mapping(card.get("image"))
        if len(self._cards) >= MAX_CARDS:
            del self._cards[next(iter(self._cards))]
        self._cards[card["id"]] = Card(
            type=_text(card, "type"),
            url=web_address(_text(card, "url")),
            picture=web_address(_text(image, "thumbnail", "original")),
            title=_text(image, "title"),
            link=web_address(_text(image, "link")),
        )
        return card

    def find(self, markup: str) -> Card | None:
        """Return the card that a ``grok:render`` element refers to."""
        found = _CARD_ID.search(markup)
        return self._cards.get(found[1]) if found else None


def picture_markdown(card: Card) -> str:
    """Render a found picture, as a link to its page where there is one."""
    if not card.picture:
        return ""
    title = re.sub(r"[\[\]\\\s]+", " ", card.title).strip()
    image = f"![{title}]({card.picture})"
    return f"[{image}]({card.link})" if card.link else image


def web_address(text: str) -> str:
    """Return *text* as an address that is safe inside Markdown; empty if it is none."""
    address = "".join(char for char in text.strip() if char.isprintable()).translate(_ESCAPES)
    scheme = _SCHEME.match(address)
    return "" if scheme and scheme[0].lower() not in ("http:", "https:") else address


def tool_from_card(card: Mapping[str, Any], stream: Stream, agent: str | None) -> Activity | None:
    """Read a structured tool card: one tool's key with its arguments."""
    for key, value in card.items():
        if isinstance(value, dict):
            name = stream.tools.get(key) or re.sub(r"(?<!^)([A-Z])", r"_\1", key).lower()
            return _activity(name, _mapping(value.get("args")), stream, agent)
    return None


def tool_from_markup(markup: str, stream: Stream, agent: str | None) -> tuple[str, Activity | None]:
    """Read a tool card in XML form; returns its id too."""
    name, card_id = _TOOL_NAME.search(markup), _TOOL_ID.search(markup)
    arguments = _TOOL_ARGS.search(markup)
    values = _decoded(arguments[1]) if arguments else {}
    activity = _activity(name[1].strip(), values, stream, agent) if name else None
    return (card_id[1].strip() if card_id else ""), activity


def sources(results: object) -> Iterator[Source]:
    """Read web search results of any generation: an object with ``results``, or the list itself."""
    for item in _items(results):
        if url := web_address(_text(item, "url")):
            snippet = _text(item, "preview", "snippet", "description")
            yield Source(url=url, title=_text(item, "title"), snippet=snippet)


def posts(results: object) -> Iterator[Source]:
    """Read posts of X, in the same two forms."""
    for item in _items(results):
        user, post = _text(item, "username", "userhandle"), _text(item, "postId", "post_id")
        if user and post:
            url = web_address(f"https://x.com/{user}/status/{post}")
            yield Source(url=url, title=_text(item, "name") or user, snippet=_text(item, "text"))


def _activity(name: str, values: Mapping[str, Any], stream: Stream, agent: str | None) -> Activity:
    return Activity(
        tool=name, text=_text(values, *stream.tool_arguments.get(name, ())), agent=agent
    )


def _items(results: object) -> Iterable[Mapping[str, Any]]:
    listed = results.get("results") if isinstance(results, dict) else results
    return (item for item in listed if isinstance(item, dict)) if isinstance(listed, list) else ()


def _decoded(text: str) -> Mapping[str, Any]:
    try:
        return _mapping(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(values: Mapping[str, Any], *names: str) -> str:
    texts = (values.get(name) for name in names)
    return next((text for text in texts if isinstance(text, str) and text), "")
