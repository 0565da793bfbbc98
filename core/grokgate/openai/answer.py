"""What a client sees of an upstream's answer, whatever the endpoint and however it is sent.

Events go in, pieces come out: text for the channel "reasoning" or for "content", and tool calls. A
unary reply joins the pieces, a stream sends them one by one; so both hold the same. Reasoning ends
where the answer begins: what comes later is dropped (`upstream-protocol.md` 2.11).
"""

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct, structs

from grokgate.openai.made import MadeText, progress_line
from grokgate.openai.tally import note_usage
from grokgate.openai.usage import PER_ATTACHMENT, Estimate
from grokgate.upstream import (
    Activity,
    Citation,
    Effort,
    Event,
    Finished,
    Progress,
    TextDelta,
    ThinkingDelta,
    ToolCall,
)
from grokgate.upstream import Source as SearchResult

Channel: TypeAlias = Literal["reasoning", "content"]
Piece: TypeAlias = tuple[Channel, str] | ToolCall
ThinkingFormat: TypeAlias = Literal["reasoning_content", "think_tag", "both"]
Thinking: TypeAlias = Literal["enabled", "disabled"]

_OPEN = "<think>\n"
_CLOSE = "</think>\n"
_TOOLS = {
    "web_search": "WebSearch",
    "x_search": "XSearch",
    "x_keyword_search": "XSearch",
    "x_semantic_search": "XSearch",
    "browse_page": "Browse",
    "search_images": "SearchImage",
    "image_search": "SearchImage",
    "chatroom_send": "AgentThink",
    "code_execution": "Code",
}
"""Names of the upstream's tools → what a reader sees (`upstream-protocol.md` 2.5)."""


class View(Struct, frozen=True, kw_only=True):
    """What to show of an answer."""

    reasoning: bool
    thinking_format: ThinkingFormat = "reasoning_content"
    summary: bool = False
    """Step titles instead of the reasoning itself."""
    list_sources: bool = False
    """Append a list of the pages found."""


class ViewOptions(Protocol):
    """What the core's section ``grok`` says about showing answers."""

    thinking: bool
    thinking_format: ThinkingFormat
    thinking_summary: bool
    show_search_sources: bool


def effective_effort(effort: Effort | None, thinking: Thinking | None) -> Effort | None:
    """Combine the two fields with which a request may speak of reasoning; *effort* wins."""
    return "none" if effort is None and thinking == "disabled" else effort


def shown(effort: Effort | None, thinking: Thinking | None, options: ViewOptions) -> View:
    """Decide what to show; the request wins over the operator's settings (F-CHAT-10)."""
    effort = effective_effort(effort, thinking)
    if effort is not None:
        reasoning = effort not in ("none", "minimal")
    else:
        reasoning = options.thinking or thinking == "enabled"
    return View(
        reasoning=reasoning,
        thinking_format=options.thinking_format,
        summary=options.thinking_summary,
        list_sources=options.show_search_sources,
    )


class Cited(Struct, frozen=True, kw_only=True):
    """A link and where it is cited, in Unicode characters of the content that is shown."""

    start: int
    end: int
    title: str
    url: str


class Counts(Struct, frozen=True, kw_only=True):
    """Text units of one request (`openai-contract.md` 13)."""

    input: int
    output: int
    """Reasoning included."""
    reasoning: int
    estimated: bool
    """Counted here, because the upstream did not say."""


class Answer:
    """Turns the events of one exchange into pieces and keeps what a reply ends with."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._tagged = view.thinking_format != "reasoning_content"
        self._answering = False
        self._tag_open = False
        self._line_open = False
        self._offset = 0
        """Characters of content before the answer's own text."""
        self._text = Estimate()
        self._thought = Estimate()
        self._made = 0
        """Units of pictures and videos."""
        self._percents: dict[int, int] = {}
        """How far each of them is."""
        self.has_calls = False
        self._citations: list[Citation] = []
        self._sources: dict[str, SearchResult] = {}

    def feed(self, event: Event) -> tuple[Piece, ...]:
        """Take the next event and return the pieces it gives."""
        match event:
            case TextDelta():
                return self._answer(event)
            case ThinkingDelta():
                return self._think(event)
            case ToolCall():
                return self._call(event)
            case Activity():
                return self._line(_activity(event))
            case Progress():
                return self._progress(event)
            case Citation():
                self._citations.append(event)
            case SearchResult():
                self._sources.setdefault(event.url, event)
            case _:
                pass
        return ()

    def end(self) -> tuple[Piece, ...]:
        """Return the pieces that stand after the last event."""
        pieces = self._close_tag()
        if self._view.list_sources and self._sources:
            pieces += (("content", _source_list(self._sources)),)
        return pieces

    @property
    def citations(self) -> list[Cited]:
        """Links cited, with their places in the content."""
        return [
            Cited(
                start=citation.start + self._offset,
                end=citation.end + self._offset,
                title=citation.title or self._title(citation.url),
                url=citation.url,
            )
            for citation in self._citations
        ]

    @property
    def sources(self) -> list[SearchResult]:
        """Pages found, each once, in the order they came up."""
        return list(self._sources.values())

    def output(self, finished: Finished) -> tuple[int, int]:
        """Count what was written, and the reasoning in it; the upstream's own numbers win."""
        if finished.usage is not None:
            return finished.usage.output, finished.usage.reasoning
        thought = self._thought.total
        return self._text.total + self._made + thought, thought

    def _answer(self, event: TextDelta) -> tuple[Piece, ...]:
        text = event.text
        if not text:
            return ()
        if type(event) is TextDelta or not isinstance(event, MadeText):  # the former is faster
            self._text.add(text)
        else:
            self._made += PER_ATTACHMENT
        if self._answering:
            return (("content", text),)
        self._answering = True
        return (*self._close_tag(), ("content", text))

    def _call(self, call: ToolCall) -> tuple[Piece, ...]:
        self.has_calls = self._answering = True
        self._text.add(call.name + call.arguments)
        return (*self._close_tag(), call)

    def _think(self, event: ThinkingDelta) -> tuple[Piece, ...]:
        if self._answering or not event.text:
            return ()
        self._thought.add(event.text)
        if event.summary:
            return self._line(event.text.strip())
        return () if self._view.summary else self._show(event.text)

    def _progress(self, event: Progress) -> tuple[Piece, ...]:
        """Show a line per change."""
        if event.percent <= self._percents.get(event.slot, -1):
            return ()
        self._percents[event.slot] = event.percent
        return self._line(progress_line(event))

    def _line(self, text: str) -> tuple[Piece, ...]:
        """Show *text* as a line of its own."""
        return self._show(f"\n{text}\n" if self._line_open else f"{text}\n")

    def _show(self, text: str) -> tuple[Piece, ...]:
        if self._answering or not self._view.reasoning:
            return ()
        self._line_open = not text.endswith("\n")
        pieces: tuple[Piece, ...] = ()
        if self._view.thinking_format != "think_tag":
            pieces = (("reasoning", text),)
        if self._tagged:
            shown = text if self._tag_open else _OPEN + text
            self._tag_open = True
            self._offset += len(shown)
            pieces += (("content", shown),)
        return pieces

    def _close_tag(self) -> tuple[Piece, ...]:
        if not self._tag_open:
            return ()
        self._tag_open = False
        closing = "\n" + _CLOSE if self._line_open else _CLOSE
        self._offset += len(closing)
        return (("content", closing),)

    def _title(self, url: str) -> str:
        page = self._sources.get(url)
        return page.title if page is not None else ""


def count(answers: Iterable[tuple[Answer, Finished]], *, prompt: int) -> Counts:
    """Count the alternatives of one request together, and note it for the request log.

    Args:
        answers: With their end markers.
        prompt: Estimate of the input, taken where the upstream gives no number.
    """
    ended = list(answers)
    told = [finished.usage.input for _, finished in ended if finished.usage is not None]
    is_told = len(told) == len(ended)
    counts = [answer.output(finished) for answer, finished in ended]
    written, reasoning = (sum(column) for column in zip(*counts, strict=True))
    counted = Counts(
        input=max(told) if is_told else prompt,
        output=written,
        reasoning=reasoning,
        estimated=not is_told,
    )
    note_usage(**structs.asdict(counted))
    return counted


def _activity(event: Activity) -> str:
    agent = f"[{event.agent}]" if event.agent else ""
    return f"{agent}[{_TOOLS.get(event.tool, event.tool)}] {event.text}".rstrip()


def _source_list(pages: Mapping[str, SearchResult]) -> str:
    lines = [f"- [{_plain(page.title) or url}]({url})" for url, page in pages.items()]
    return "\n\n## Sources\n" + "\n".join(lines)


def _plain(title: str) -> str:
    """Return *title* fit for the text of a Markdown link."""
    return " ".join(title.replace("[", "(").replace("]", ")").split())
