"""The answer to a conversation as it arrives over the gateway socket: frames → events (2.12).

```text
opening ──created and attached──▶ ready ──response.done──▶ complete
   └──────────────error, session.ended──────────────▶ over
```

Created and attached may come in either order. What belongs to another session, conversation or
response is passed over.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from grokgate.upstream import Event
from grokgate_web.decode import known
from grokgate_web.decode.answer import Answer
from grokgate_web.decode.cards import posts, sources, web_address
from grokgate_web.decode.drift import Paths
from grokgate_web.decode.pictures import Sought
from grokgate_web.profile import Channels, Stream

_BOOKKEEPING = frozenset(
    (
        "conversation.queue.updated",
        "conversation.item.added",
        "conversation.title.updated",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.persisted",
    )
)
_AGENT = "rollout_id"
_TEXT: Final = Sought()


class GatewayDecoder:
    """Decodes one conversation. Feed it all frames, then `finish`; look at the attributes between.

    Args:
        stream: Words of the profile.
        channels: Names of the profile.
        opening: Id of the event that opened the session.
        filter_tags: Markup to remove.
        sought: What is wanted besides text.
    """

    def __init__(
        self,
        stream: Stream,
        channels: Channels,
        *,
        opening: str,
        filter_tags: tuple[str, ...],
        sought: Sought = _TEXT,
    ) -> None:
        self.drift = Paths()
        """Key paths that were skipped so far."""
        self._channels = channels
        self._opening = opening
        self._answer = Answer(stream, self.drift, filter_tags=filter_tags, sought=sought)
        self._conversations: set[str] = set()
        self._response = ""
        self.session = ""
        """Id of the session; empty before it was created."""
        self.heard = 0
        """Frames that tell something; an echo of our own sign of life does not."""
        self.seen = False
        """Whether one of these came since the session was ready."""
        self.ended = False
        """The upstream ended the session."""
        self.error: object = None
        """An error the upstream sent; nothing is decoded after it."""
        self.complete = False
        """The upstream's end mark was seen."""

    @property
    def ready(self) -> bool:
        """Whether the session can be asked something."""
        return bool(self.session) and self.session in self._conversations

    @property
    def blank(self) -> bool:
        """Never: before it is asked, the upstream has opened a session."""
        return False

    @property
    def done(self) -> bool:
        """Whether nothing more can come."""
        return self.complete or self.ended or self.error is not None

    @property
    def settled(self) -> bool:
        """Whether the end was marked: what may follow is no part of the answer."""
        return self.complete

    @property
    def answer(self) -> Answer:
        """What has come so far."""
        return self._answer

    @property
    def answered(self) -> bool:
        """Whether there is an answer: text, or a picture."""
        return self._answer.answered

    @property
    def output(self) -> bool:
        """Whether there is something of the answer."""
        return self._answer.output

    def feed(self, frame: bytes) -> list[Event]:
        """Return the events in *frame*, the text of one message."""
        if self.done:
            return []
        try:
            envelope = msgspec.json.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            envelope = None
        self._envelope(envelope)
        return self._answer.take()

    def binary(self) -> None:
        """Note a message that is not text; there is nothing known to be in one."""
        self.drift.add("frame")

    def finish(self) -> list[Event]:
        """Return what is left, with `Finished` last if the answer is complete."""
        if self.error is None:
            self._answer.finish(complete=self.complete)
            self.error = self._answer.refusal
        return self._answer.take()

    def _envelope(self, envelope: object) -> None:
        event = _mapping(_mapping(envelope).get("event"))
        kind = event.get("type")
        if not isinstance(kind, str):
            self.drift.add("event.type" if event else "frame")
            return
        self.drift.compare(_mapping(envelope), known.ENVELOPE)
        session = _text(_mapping(envelope), "session_id")
        if kind == "pong" or (self.session and session and session != self.session):
            return
        self.heard += 1
        if self.ready:
            self.seen = True
        self._event(kind, event, session)

    def _event(self, kind: str, event: Mapping[str, Any], session: str) -> None:
        self.drift.compare(event, known.EVENTS.get(kind, event), "event.")
        match kind:
            case "session.created":
                self._created(event, session)
            case "conversation.attached":
                self._conversations.add(_text(_mapping(event.get("conversation")), "id"))
            case "error":
                self.error = event.get("error") or {"code": None}
            case "session.ended":
                self.ended = True
            case _ if kind in _BOOKKEEPING:
                pass
            case _ if not self._ours(event):
                pass
            case _:
                self._response_event(kind, event)

    def _created(self, event: Mapping[str, Any], session: str) -> None:
        asked = event.get("client_event_id")
        if asked is None or asked == self._opening:
            self.session = self.session or session

    def _ours(self, event: Mapping[str, Any]) -> bool:
        """Tell whether an event is of the one response we wait for, as far as it says."""
        response = _text(event, "response_id") or _text(_mapping(event.get("response")), "id")
        return not (self._response and response) or response == self._response

    def _response_event(self, kind: str, event: Mapping[str, Any]) -> None:
        match kind:
            case "response.created":
                self._response = _text(_mapping(event.get("response")), "id")
                self._answer.start()
            case "response.chunk":
                self._chunk(_mapping(event.get("chunk")))
            case "response.output_text.delta":
                self._delta(event)
            case "response.output_text.done":
                self._answer.message(_text(event, "text"))
            case "response.search.result":
                self._results(_mapping(event.get("result")))
            case "response.grok.output":
                self._output(_mapping(event.get("output")))
            case "response.done":
                self._done(_mapping(event.get("response")))
            case _:
                self.drift.add("event.type")

    def _chunk(self, chunk: Mapping[str, Any]) -> None:
        self.drift.compare(chunk, known.CHUNK, "event.chunk.")
        agent = _text(chunk, _AGENT) or None
        for key, value in chunk.items():
            content = _mapping(value)
            match key:
                case "text":
                    self._piece(content, agent)
                case "tool_usage_card":
                    self._tool(content, agent)
                case "tool_result":
                    self._tool_result(content)
                case "render_citation":
                    self._citation(content)
                case "card_attachment":
                    self._answer.card(value)

    def _piece(self, content: Mapping[str, Any], agent: str | None) -> None:
        self.drift.compare(content, known.TEXT, "event.chunk.text.")
        piece, channel = content.get("text"), content.get("channel") or ""
        if not isinstance(piece, str) or not isinstance(channel, str):
            self.drift.add("event.chunk.text")
            return
        agent = _text(content, _AGENT) or agent
        if not piece:
            return
        if channel in self._channels.answer:
            self._answer.text(piece)
        elif channel in self._channels.titles:
            self._answer.think(piece, title=True, agent=agent)
        elif any(word in channel for word in self._channels.reasoning):
            self._answer.think(piece, title=False, agent=agent)
        else:
            self.drift.add("event.chunk.text.channel")

    def _delta(self, event: Mapping[str, Any]) -> None:
        piece = event.get("delta")
        if not isinstance(piece, str):
            self.drift.add("event.delta")
        elif piece and _mapping(event.get("x_grok")).get("is_thinking") is True:
            self._answer.think(piece, title=False, agent=None)
        elif piece:
            self._answer.text(piece)

    def _tool(self, card: Mapping[str, Any], agent: str | None) -> None:
        agent = _text(card, _AGENT) or agent
        self._answer.tool(card, card.get("tool_usage_card_id"), agent)

    def _tool_result(self, result: Mapping[str, Any]) -> None:
        self._answer.sources(sources(_mapping(result.get("web_search")).get("webpages")))
        self._answer.sources(posts(_mapping(result.get("x_post")).get("posts")))

    def _citation(self, content: Mapping[str, Any]) -> None:
        self.drift.compare(content, known.CITATION, "event.chunk.render_citation.")
        if url := web_address(_text(content, "url")):
            self._answer.cite(url)

    def _results(self, result: Mapping[str, Any]) -> None:
        self._answer.sources(sources([result]))
        self._answer.sources(sources(result.get("web_results")))

    def _output(self, output: Mapping[str, Any]) -> None:
        self.drift.compare(output, known.OUTPUT, "event.output.")
        for key, value in output.items():
            match key:
                case "stream_error":
                    self.error = value or {"code": None}
                case "card_attachment":
                    self._answer.card(value)
                case "tool_usage_card":
                    self._tool(_mapping(value), None)
                case "tool_result":
                    self._tool_result(_mapping(value))

    def _done(self, response: Mapping[str, Any]) -> None:
        self.drift.compare(response, known.RESPONSE, "event.response.")
        status = response.get("status")
        if status == "completed":
            self.complete = True
        else:
            reason = _mapping(response.get("status_details")).get("reason")
            self.error = {"status": status, "reason": reason}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(values: Mapping[str, Any], name: str) -> str:
    text = values.get(name)
    return text if isinstance(text, str) else ""
