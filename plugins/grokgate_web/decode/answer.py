"""One answer as it grows: pieces of any transport → events (`upstream-protocol.md` 2.4 to 2.11).

```text
idle ──reasoning──▶ thinking ──first text──▶ answering      (late reasoning is dropped)
  └─────────────────first text────────────────▲
```
"""

from collections.abc import Iterable, Mapping
from typing import Any

from grokgate.upstream import (
    Citation,
    Event,
    Finished,
    Source,
    Started,
    TextDelta,
    ThinkingDelta,
    is_output,
)
from grokgate_web.decode.cards import Cards, picture_markdown, tool_from_card, tool_from_markup
from grokgate_web.decode.drift import Paths
from grokgate_web.decode.film import Film
from grokgate_web.decode.pictures import Pictures, Sought
from grokgate_web.decode.tags import Element, TagFilter
from grokgate_web.profile import Stream

MAX_SOURCES = 200

_NO_QUOTA = {"code": 8, "message": "rate_limit"}
_RENDER = "grok:render"
_TOOL_CARD = "xai:tool_usage_card"


class Answer:
    """Turns what a transport reads into events; `take` returns those that are ready."""

    def __init__(
        self, stream: Stream, drift: Paths, *, filter_tags: tuple[str, ...], sought: Sought
    ) -> None:
        self._stream = stream
        self._visible_text = TagFilter(filter_tags)
        self._thoughts = TagFilter({*filter_tags, _TOOL_CARD})
        self._cards = Cards()
        self._events: list[Event] = []
        self._started = False
        self._answering = False
        self._thought_line_open = False
        self._raw: list[str] = []
        self._message = ""
        self._length = 0
        self._numbers: dict[str, int] = {}
        self._last_cited: str | None = None
        self._titles: dict[str, str] = {}
        self._tools: set[str] = set()
        self.pictures = Pictures(drift, sought)
        self.film = Film(drift, sought)
        self.spoke = False
        """Visible text was given out."""
        self._output = False
        """An event that is output was given out."""

    @property
    def output(self) -> bool:
        """Whether there is something of the answer: an event, or a picture or video begun."""
        return self._output or self.pictures.begun or self.film.begun

    @property
    def answered(self) -> bool:
        """Whether there is an answer: text, a picture, or a video."""
        return self.spoke or self.pictures.ready > 0 or self.film.ready

    @property
    def refusal(self) -> object:
        """Why there is no answer, where something but an error tells it; None: nothing does."""
        return _NO_QUOTA if self.pictures.limited and not self.answered else None

    @property
    def settled(self) -> bool:
        """Whether the final message was seen and adds nothing to the pieces."""
        return bool(self._message) and self._message == "".join(self._raw)

    def take(self) -> list[Event]:
        """Return the events since the last call."""
        events, self._events = self._events, []
        return events

    def start(self, fingerprint: str | None = None) -> None:
        """Note that the upstream accepted the call; only the first time counts."""
        if not self._started:
            self._started = True
            self._events.append(Started(fingerprint=fingerprint))

    def text(self, piece: str) -> None:
        """Add to the visible answer, with markup."""
        self._answering = True
        self._raw.append(piece)
        self._pieces(self._visible_text.feed(piece))

    def think(self, piece: str, *, title: bool, agent: str | None) -> None:
        """Add to the reasoning, with markup; too late once the answer has begun."""
        if self._answering:
            return
        pieces = self._thoughts.feed(piece)
        for part in pieces:
            if isinstance(part, str):
                self._thought(part, title=title, agent=agent)
        self._tool_markup(pieces, agent)

    def tool_markup(self, piece: str, agent: str | None) -> None:
        """Look for tools at work in text that is not shown."""
        self._tool_markup(self._thoughts.feed(piece), agent)

    def tool(self, card: Mapping[str, Any], card_id: object, agent: str | None) -> None:
        """Tell of a tool at work, once per card."""
        self._tool(str(card_id or ""), tool_from_card(card, self._stream, agent))

    def card(self, attachment: object) -> None:
        """Remember a card that marks in the text may refer to, and tell of the picture in it."""
        self.made(self.pictures.card(self._cards.add(attachment)))

    def made(self, events: Iterable[Event]) -> None:
        """Tell of pictures and videos."""
        for event in events:
            self._emit(event)

    def sources(self, found: Iterable[Source]) -> None:
        """Tell of search results, once per address."""
        for source in found:
            if source.url not in self._titles and len(self._titles) < MAX_SOURCES:
                self._titles[source.url] = source.title
                self._emit(source)

    def cite(self, url: str) -> None:
        """Place a numbered link here, unless it repeats the one just before."""
        self._answering = True
        self._pieces(self._visible_text.finish())
        self._cite(url)

    def message(self, text: str) -> None:
        """Note the whole answer, which `finish` compares with the pieces."""
        self._message = text

    def finish(self, *, complete: bool) -> None:
        """Append what the whole answer has beyond the pieces; nothing if they disagree.

        Args:
            complete: The upstream marked the end.
        """
        pieces = "".join(self._raw)
        if self._message.startswith(pieces) and len(self._message) > len(pieces):
            self.text(self._message[len(pieces) :])
        self._pieces(self._visible_text.finish())
        if complete and self.answered:
            self._emit(Finished())

    def _emit(self, event: Event) -> None:
        self.start()
        self._output = self._output or is_output(event)
        self._events.append(event)

    def _pieces(self, pieces: list[str | Element]) -> None:
        for piece in pieces:
            if isinstance(piece, str):
                self._visible(piece)
                if self._last_cited is not None and piece.strip():
                    self._last_cited = None
            elif piece.tag == _RENDER:
                self._render(piece.markup)

    def _visible(self, text: str) -> None:
        if not self.spoke:
            self.start()
            self.spoke = self._output = True
        self._length += len(text)
        self._events.append(TextDelta(text=text))

    def _render(self, markup: str) -> None:
        card = self._cards.find(markup)
        if card is None:
            return
        if card.type == "render_inline_citation" and card.url:
            self._cite(card.url)
        elif card.type == "render_searched_image" and (text := picture_markdown(card)):
            self._visible(text)
            self._last_cited = None

    def _cite(self, url: str) -> None:
        if url == self._last_cited:
            return
        number = self._numbers.setdefault(url, len(self._numbers) + 1)
        start = self._length
        self._visible(f"[[{number}]]({url})")
        title = self._titles.get(url, "")
        self._emit(Citation(number=number, url=url, start=start, end=self._length, title=title))
        self._last_cited = url

    def _thought(self, text: str, *, title: bool, agent: str | None) -> None:
        if title:
            if not text.strip():
                return
            text = ("\n" if self._thought_line_open else "") + text.strip() + "\n"
        self._thought_line_open = not text.endswith("\n")
        self._emit(ThinkingDelta(text=text, summary=title, agent=agent))

    def _tool_markup(self, pieces: list[str | Element], agent: str | None) -> None:
        for piece in pieces:
            if isinstance(piece, Element) and piece.tag == _TOOL_CARD:
                card_id, activity = tool_from_markup(piece.markup, self._stream, agent)
                self._tool(card_id, activity)

    def _tool(self, card_id: str, activity: Event | None) -> None:
        if activity is None or self._answering or (card_id and card_id in self._tools):
            return
        self._tools.add(card_id)
        self._emit(activity)
