"""The answer to a conversation as it arrives over HTTP: lines → events (2.3 to 2.7, 2.11)."""

from typing import Any, Final

from msgspec import Raw, Struct

from grokgate.upstream import Event
from grokgate_web.decode import known
from grokgate_web.decode.answer import Answer
from grokgate_web.decode.cards import MAX_CARDS, posts, sources
from grokgate_web.decode.lines import LineDecoder
from grokgate_web.decode.pictures import Sought
from grokgate_web.profile import Stream

_UNREAD: Final = Raw()
_TEXT: Final = Sought()


class _Reply(Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """Fields of an answer (2.3); of those that are not read it is only known that they exist."""

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
    streaming_image_generation_response: dict[str, Any] | None = None
    streaming_video_generation_response: dict[str, Any] | None = None
    model_response: dict[str, Any] | None = None
    final_metadata: dict[str, Any] | None = None
    error: Any = None
    stream_errors: Any = None
    user_response: Raw = _UNREAD
    response_id: Raw = _UNREAD
    message_step_id: Raw = _UNREAD
    ui_layout: Raw = _UNREAD
    code_execution_result: Raw = _UNREAD
    image_attachment_info: Raw = _UNREAD
    progress_report: Raw = _UNREAD


class _Result(_Reply, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """Fields of the answer stand in ``response``, or in the result itself."""

    response: _Reply | None = None
    conversation: Raw = _UNREAD
    title: Raw = _UNREAD


class _Line(Struct, kw_only=True, forbid_unknown_fields=True):
    result: _Result | None = None
    error: Any = None
    code: Any = None
    message: Raw = _UNREAD
    details: Raw = _UNREAD


class ChatDecoder:
    """Decodes one answer. Feed it all chunks, then `finish`; look at the attributes in between."""

    def __init__(
        self, stream: Stream, *, filter_tags: tuple[str, ...], sought: Sought = _TEXT
    ) -> None:
        self._stream = stream
        self._lines = LineDecoder(_Line)
        self._answer = Answer(stream, self._lines.drift, filter_tags=filter_tags, sought=sought)
        self._stopped = False
        """The last token or what comes after it was seen."""
        self.error: object = None
        """An error the upstream sent inside the answer; nothing is decoded after it."""
        self.complete = False
        """The upstream's end mark was seen."""

    @property
    def seen(self) -> bool:
        """Whether a line of any kind has arrived."""
        return self._lines.seen

    @property
    def blank(self) -> bool:
        """Whether the upstream said nothing at all."""
        return not self.seen

    @property
    def done(self) -> bool:
        """Whether nothing more can come: an error, or the explicit end mark."""
        return self.error is not None or self._lines.done

    @property
    def settled(self) -> bool:
        """Whether the end was marked and the final message adds nothing to the pieces.

        What may follow, such as a title, is no part of the answer and can take its time.
        """
        return self._stopped and self._answer.settled

    @property
    def answer(self) -> Answer:
        """What has come so far."""
        return self._answer

    @property
    def answered(self) -> bool:
        """Whether there is an answer: text, a picture, or a video."""
        return self._answer.answered

    @property
    def output(self) -> bool:
        """Whether there is something of the answer."""
        return self._answer.output

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
        return self._answer.take()

    def finish(self) -> list[Event]:
        """Return what is left, with `Finished` last if the answer is complete."""
        for line in self._lines.finish():
            self._line(line)
        if self.error is None:
            self.complete = self.complete or self._lines.done
            self._answer.finish(complete=self.complete)
            self.error = self._answer.refusal
        return self._answer.take()

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
            self._answer.tool_markup(token, reply.rollout_id)
        elif self._thinks(reply):
            title = reply.message_tag in self._stream.title_tags
            self._answer.think(token, title=title, agent=reply.rollout_id)
        else:
            self._answer.text(token)

    def _collect(self, reply: _Reply) -> None:
        """Take up what a line carries besides text."""
        if reply.llm_info is not None:
            fingerprint = reply.llm_info.get("modelHash")
            self._answer.start(fingerprint if isinstance(fingerprint, str) else None)
        if reply.tool_usage_card is not None:
            card_id = reply.tool_usage_card.get("toolUsageCardId") or reply.tool_usage_card_id
            self._answer.tool(reply.tool_usage_card, card_id, reply.rollout_id)
        if reply.card_attachment is not None:
            self._answer.card(reply.card_attachment)
        if isinstance(reply.card_attachments, list):
            for attachment in reply.card_attachments:
                self._answer.card(attachment)
        if reply.streaming_image_generation_response is not None:
            news = reply.streaming_image_generation_response
            self._answer.made(self._answer.pictures.streamed(news))
        if reply.streaming_video_generation_response is not None:
            news = reply.streaming_video_generation_response
            self._answer.made(self._answer.film.streamed(news))
        if (
            reply.web_search_results is not None
            or reply.cited_web_search_results is not None
            or reply.x_search_results is not None
            or reply.xposts is not None
            or reply.cited_xposts is not None
        ):
            self._search_results(reply)

    def _search_results(self, reply: _Reply) -> None:
        for results in (reply.web_search_results, reply.cited_web_search_results):
            if results is not None:
                self._answer.sources(sources(results))
        for results in (reply.x_search_results, reply.xposts, reply.cited_xposts):
            if results is not None:
                self._answer.sources(posts(results))

    def _model_response(self, response: dict[str, Any]) -> None:
        self._lines.drift.compare(response, known.MODEL_RESPONSE, "result.response.modelResponse.")
        if response.get("error") or response.get("streamErrors"):
            self.error = response.get("error") or response.get("streamErrors")
            return
        message = response.get("message")
        if isinstance(message, str) and message:
            self._answer.message(message)
        cards = response.get("cardAttachmentsJson")
        for text in cards[:MAX_CARDS] if isinstance(cards, list) else ():
            self._answer.card({"jsonData": text})
        self._answer.made(self._answer.pictures.listed(response))
        self._answer.made(self._answer.film.attached(response.get("fileAttachments")))
        self.complete = self.complete or not response.get("partial")
