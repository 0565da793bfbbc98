"""The answer to a conversation as it arrives over HTTP: lines → events (2.3 to 2.7, 2.11).

```text
idle ──reasoning──▶ thinking ──first text──▶ answering      (late reasoning is dropped)
  └─────────────────first text────────────────▲
```
"""

from typing import Any

from msgspec import Struct

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
from grokgate_web.decode.cards import (
    Cards,
    picture_markdown,
    posts,
    sources,
    tool_from_card,
    tool_from_markup,
)
from grokgate_web.decode.lines import LineDecoder
from grokgate_web.decode.tags import Element, TagFilter
from grokgate_web.profile import Stream

MAX_SOURCES = 200

_RENDER = "grok:render"
_TOOL_CARD = "xai:tool_usage_card"


class _Reply(Struct, rename="camel", kw_only=True):
    token: str | None = None
    is_thinking: bool | None = None
    is_soft_stop: bool | None = None
    message_tag: str | None = None
    rollout_id: str | None = None
    llm_info: dict[str, Any] | None = None
    tool_usage_card: dict[str, Any] | None = None
    tool_usage_card_id: str | None = None
    web_search_results: Any = None
    cited_web_search_results: Any = None
    x_search_results: Any = None
    xposts: Any = None
    cited_xposts: Any = None
    card_attachment: Any = None
    card_attachments: Any = None
    model_response: dict[str, Any] | None = None
    final_metadata: dict[str, Any] | None = None
    error: Any = None
    stream_errors: Any = None


class _Result(_Reply, rename="camel", kw_only=True):
    """Fields of the answer stand in ``response``, or in the result itself."""

    response: _Reply | None = None


class _Line(Struct, kw_only=True):
    result: _Result | None = None
    error: Any = None
    code: Any = None


class ChatDecoder:
    """Decodes one answer. Feed it all chunks, then `finish`; look at the attributes in between."""

    def __init__(self, stream: Stream, *, filter_tags: tuple[str, ...]) -> None:
        self._stream = stream
        self._lines = LineDecoder(_Line)
        self._answer = TagFilter(filter_tags)
        self._thoughts = TagFilter({*filter_tags, _TOOL_CARD})
        self._cards = Cards()
        self._events: list[Event] = []
        self._started = False
        self._answering = False
        self._thought_line_open = False
        self._raw: list[str] = []
        self._message = ""
        self._stopped = False
        """The last token or what comes after it was seen."""
        self._length = 0
        self._numbers: dict[str, int] = {}
        self._last_cited: str | None = None
        self._titles: dict[str, str] = {}
        self._tools: set[str] = set()
        self.error: object = None
        """An error the upstream sent inside the answer; nothing is decoded after it."""
        self.complete = False
        """The upstream's end mark was seen."""
        self.answered = False
        """Text of the answer was seen."""
        self.output = False
        """An event that is output was given out."""

    @property
    def seen(self) -> bool:
        """Whether a line of any kind has arrived."""
        return self._lines.seen

    @property
    def done(self) -> bool:
        """Whether nothing more can come: an error, or the explicit end mark."""
        return self.error is not None or self._lines.done

    @property
    def settled(self) -> bool:
        """Whether the end was marked and the final message adds nothing to the pieces.

        What may follow, such as a title, is no part of the answer and can take its time.
        """
        if not (self._stopped and self._message):
            return False
        return self._message == "".join(self._raw)

    @property
    def drift(self) -> set[str]:
        """Key paths that were skipped so far."""
        return self._lines.drift

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events of the lines that *chunk* completes.

        Raises:
            LineTooLong: A line is over the limit.
        """
        for line in self._lines.feed(chunk):
            self._line(line)
        return self._taken()

    def finish(self) -> list[Event]:
        """Return what is left, with `Finished` last if the answer is complete."""
        for line in self._lines.finish():
            self._line(line)
        if self.error is None:
            self._merge()
            self._pieces(self._answer.finish())
            self.complete = self.complete or self._lines.done
            if self.complete and self.answered:
                self._emit(Finished())
        return self._taken()

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _emit(self, event: Event) -> None:
        if not self._started:
            self._start(None)
        self.output = self.output or is_output(event)
        self._events.append(event)

    def _start(self, fingerprint: str | None) -> None:
        if not self._started:
            self._started = True
            self._events.append(Started(fingerprint=fingerprint))

    def _line(self, line: _Line) -> None:
        if self.error is not None:
            return
        if line.result is None:
            self._no_result(line)
            return
        reply = line.result.response or line.result
        if reply.error or reply.stream_errors:
            self.error = reply.error or reply.stream_errors
            return
        self._collect(reply)
        if reply.token:
            self._token(reply, reply.token)
        if reply.final_metadata is not None or (reply.is_soft_stop and not self._thinks(reply)):
            self.complete = self._stopped = True
        if reply.model_response is not None:
            self._model_response(reply.model_response)

    def _no_result(self, line: _Line) -> None:
        if line.error is not None or line.code is not None:
            self.error = line.error or {"code": line.code}
        else:
            self._lines.drift.add("result")

    def _thinks(self, reply: _Reply) -> bool:
        if reply.message_tag in self._stream.answer_tags:
            return False
        return bool(reply.is_thinking) or reply.message_tag in self._stream.reasoning_tags

    def _token(self, reply: _Reply, token: str) -> None:
        if reply.message_tag in self._stream.silent_tags:
            self._tool_markup(self._thoughts.feed(token), reply.rollout_id)
        elif not self._thinks(reply):
            self._text(token)
        elif not self._answering:
            self._think(reply, token)

    def _text(self, token: str) -> None:
        self._answering = True
        self._raw.append(token)
        self._pieces(self._answer.feed(token))

    def _pieces(self, pieces: list[str | Element]) -> None:
        for piece in pieces:
            if isinstance(piece, str):
                self._visible(piece)
                self._last_cited = None if piece.strip() else self._last_cited
            elif piece.tag == _RENDER:
                self._render(piece.markup)

    def _visible(self, text: str) -> None:
        self.answered = True
        self._length += len(text)
        self._emit(TextDelta(text=text))

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

    def _think(self, reply: _Reply, token: str) -> None:
        pieces = self._thoughts.feed(token)
        title = reply.message_tag in self._stream.title_tags
        for piece in pieces:
            if isinstance(piece, str):
                self._thought(piece, title=title, agent=reply.rollout_id)
        self._tool_markup(pieces, reply.rollout_id)

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

    def _collect(self, reply: _Reply) -> None:
        """Take up what a line carries besides text."""
        if reply.llm_info is not None:
            fingerprint = reply.llm_info.get("modelHash")
            self._start(fingerprint if isinstance(fingerprint, str) else None)
        if reply.tool_usage_card is not None:
            card_id = reply.tool_usage_card.get("toolUsageCardId") or reply.tool_usage_card_id
            activity = tool_from_card(reply.tool_usage_card, self._stream, reply.rollout_id)
            self._tool(str(card_id or ""), activity)
        if reply.card_attachment is not None:
            self._cards.add(reply.card_attachment)
        if isinstance(reply.card_attachments, list):
            for attachment in reply.card_attachments:
                self._cards.add(attachment)
        self._search_results(reply)

    def _search_results(self, reply: _Reply) -> None:
        for results in (reply.web_search_results, reply.cited_web_search_results):
            if results is not None:
                for source in sources(results):
                    self._source(source)
        for results in (reply.x_search_results, reply.xposts, reply.cited_xposts):
            if results is not None:
                for source in posts(results):
                    self._source(source)

    def _source(self, source: Source) -> None:
        if source.url in self._titles or len(self._titles) >= MAX_SOURCES:
            return
        self._titles[source.url] = source.title
        self._emit(source)

    def _model_response(self, response: dict[str, Any]) -> None:
        if response.get("error") or response.get("streamErrors"):
            self.error = response.get("error") or response.get("streamErrors")
            return
        message = response.get("message")
        if isinstance(message, str) and message:
            self._message = message
        self.complete = self.complete or not response.get("partial")

    def _merge(self) -> None:
        """Append what the final message has beyond the pieces; nothing if they disagree."""
        pieces = "".join(self._raw)
        if self._message.startswith(pieces) and len(self._message) > len(pieces):
            self._text(self._message[len(pieces) :])
