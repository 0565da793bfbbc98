"""The endpoints that answer conversations: how each is asked, and what it said in its own form.

Streams are read by the independent checkers of `grammar`; whatever breaks the contract fails there.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from msgspec import Struct

from grammar import messages, responses

MODEL: Final = "grok-4-fast"
STREAM_TYPE: Final = "text/event-stream; charset=utf-8"
LARGEST_WRITE: Final = 16 * 1024
"""Bytes of a write of several frames (contract 1.3)."""


class Refusal(NamedTuple):
    """How an endpoint says that something went wrong."""

    status: int
    name: str
    """The code, or in the Anthropic family the type."""


class Heard(Struct, frozen=True, kw_only=True):
    """What a whole stream said."""

    text: str
    error: str | None = None
    """The name of what it broke off with."""
    ended: bool
    """Whether it claims to be complete."""


class Endpoint(Protocol):
    """One of them."""

    path: str
    ping: str
    """The frame that fills silence."""

    def body(self, prompt: str = "hi", **more: Any) -> dict[str, Any]:
        """Return the JSON of a request."""
        ...

    def text(self, reply: Mapping[str, Any]) -> str:
        """Return the text of an answer that was not streamed."""
        ...

    def refusal(self, status: int, code: str) -> Refusal:
        """Return the form that an error of the OpenAI family has here."""
        ...

    def name(self, error: Mapping[str, Any]) -> str:
        """Return the name of an error."""
        ...

    def hear(self, *writes: bytes) -> Heard:
        """Check a whole stream, as it was written, and return what it said."""
        ...


class _OpenAI:
    ping = ": ping\n\n"

    def refusal(self, status: int, code: str) -> Refusal:
        return Refusal(status, code)

    def name(self, error: Mapping[str, Any]) -> str:
        assert set(error) == {"message", "type", "param", "code"}
        return str(error["code"])


class Chat(_OpenAI):
    """``/v1/chat/completions``."""

    path = "/v1/chat/completions"

    def body(self, prompt: str = "hi", **more: Any) -> dict[str, Any]:
        """Return the JSON of a request."""
        return {"model": MODEL, "messages": [{"role": "user", "content": prompt}], **more}

    def text(self, reply: Mapping[str, Any]) -> str:
        """Return the text of an answer that was not streamed."""
        return str(reply["choices"][0]["message"]["content"])

    def hear(self, *writes: bytes) -> Heard:
        """Check a whole stream, as it was written, and return what it said."""
        _hold_whole_frames(writes)
        answer = Answer(200, b"".join(writes).decode())
        assert answer.data[-1] == "[DONE]"
        assert answer.data.count("[DONE]") == 1
        error = self.name(answer.error) if answer.error else None
        return Heard(text=answer.content, error=error, ended=bool(answer.reasons))


class Responses(_OpenAI):
    """``/v1/responses``."""

    path = "/v1/responses"

    def body(self, prompt: str = "hi", **more: Any) -> dict[str, Any]:
        """Return the JSON of a request."""
        return {"model": MODEL, "input": prompt, **more}

    def text(self, reply: Mapping[str, Any]) -> str:
        """Return the text of an answer that was not streamed."""
        parts = [part for item in reply["output"] for part in item.get("content", ())]
        return "".join(part["text"] for part in parts)

    def hear(self, *writes: bytes) -> Heard:
        """Check a whole stream, as it was written, and return what it said."""
        _hold_whole_frames(writes)
        return self.told(responses.check_reply(STREAM_TYPE, writes))

    def told(self, events: Sequence[responses.Event]) -> Heard:
        """Return what checked events said."""
        errors = [self.name(event["error"]) for event in events if event["type"] == "error"]
        last = events[-1]["type"]
        assert (last == "response.failed") == bool(errors)
        text = responses.text_of(events)
        return Heard(
            text=text, error=errors[0] if errors else None, ended=last == "response.completed"
        )


class Messages:
    """``/v1/messages``."""

    path = "/v1/messages"
    ping = 'event: ping\ndata: {"type":"ping"}\n\n'

    def body(self, prompt: str = "hi", **more: Any) -> dict[str, Any]:
        """Return the JSON of a request."""
        asked = [{"role": "user", "content": prompt}]
        return {"model": MODEL, "max_tokens": 100_000, "messages": asked, **more}

    def text(self, reply: Mapping[str, Any]) -> str:
        """Return the text of an answer that was not streamed."""
        return "".join(block.get("text", "") for block in reply["content"])

    def refusal(self, status: int, code: str) -> Refusal:
        """Return the form that an error of the OpenAI family has here (contract 2.2)."""
        del code
        kinds = {409: "invalid_request_error", 429: "rate_limit_error", 502: "api_error"}
        kinds |= {503: "overloaded_error", 504: "timeout_error"}
        return Refusal(529 if status == 503 else status, kinds[status])

    def name(self, error: Mapping[str, Any]) -> str:
        """Return the name of an error."""
        assert set(error) == {"type", "message"}
        return str(error["type"])

    def hear(self, *writes: bytes) -> Heard:
        """Check a whole stream, as it was written, and return what it said."""
        _hold_whole_frames(writes)
        told = messages.read(b"".join(writes).decode())
        error = self.name(told.error) if told.error else None
        return Heard(text=told.text, error=error, ended=told.stop_reason is not None)


class Answer:
    """A streamed chat answer, read to its end."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.text = text

    @property
    def data(self) -> list[str]:
        """What stands behind ``data:``, one text per frame; comments are left out."""
        frames = self.text.split("\n\n")
        return [frame.removeprefix("data: ") for frame in frames if frame.startswith("data:")]

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """The JSON objects of the frames."""
        return [json.loads(data) for data in self.data if data != "[DONE]"]

    @property
    def content(self) -> str:
        """The text of the answer."""
        deltas = [chunk["choices"][0]["delta"] for chunk in self.chunks if chunk.get("choices")]
        return "".join(delta.get("content") or "" for delta in deltas)

    @property
    def reasons(self) -> list[str]:
        """Every finish reason that was given."""
        choices = [choice for chunk in self.chunks for choice in chunk.get("choices", ())]
        return [choice["finish_reason"] for choice in choices if choice["finish_reason"]]

    @property
    def error(self) -> dict[str, Any] | None:
        """The error of the last frame before the end mark; None: it is no error."""
        return self.chunks[-1].get("error") if self.chunks else None


CHAT: Final = Chat()
RESPONSES: Final = Responses()
MESSAGES: Final = Messages()
ENDPOINTS: Final[Sequence[Endpoint]] = (CHAT, RESPONSES, MESSAGES)
NAMES: Final = ("chat", "responses", "messages")


def _hold_whole_frames(writes: Sequence[bytes]) -> None:
    """Check what is the same for all of them (contract 1.3)."""
    for write in writes:
        assert write.endswith(b"\n\n"), "a write holds whole frames"
        is_one = write.count(b"\n\n") == 1
        assert is_one or len(write) <= LARGEST_WRITE, "a write of several frames is short"
