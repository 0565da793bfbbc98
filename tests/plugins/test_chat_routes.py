from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Self

import msgspec
import pytest
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.testing import TestClient

import grokgate_chat
from grokgate.errors import GatewayError, NoTokenAvailable, UpstreamTimeout
from grokgate.openai import envelope
from grokgate.plugin import Call, Caller, ModelCard, Offer, RouteSpec
from grokgate.upstream import Conversation, Event, Finished, Started, TextDelta, ThinkingDelta
from grokgate_chat.settings import ChatSettings

HELLO: dict[str, Any] = {"model": "grok", "messages": [{"role": "user", "content": "Hi"}]}
BROKEN_PICTURE = {"type": "image_url", "image_url": "!"}
ANSWER = (ThinkingDelta(text="Hm"), TextDelta(text="Hello"), TextDelta(text="!"))


class FakeExchange:
    started = Started(fingerprint="mh_1")

    def __init__(self, events: tuple[Event, ...], error: GatewayError | None) -> None:
        self._events = events
        self._error = error
        self.finished: Finished | None = None
        self.closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        self.closed = True

    async def __aiter__(self) -> AsyncIterator[Event]:
        for event in self._events:
            yield event
        if self._error is not None:
            raise self._error
        self.finished = Finished()


class Gateway:
    """A context whose services are written down here, with an application around it."""

    def __init__(self, *events: Event, error: GatewayError | None = None, **grok: Any) -> None:
        self.exchange = FakeExchange(events, error)
        self.calls: list[Call] = []
        self.refusal: GatewayError | None = None
        self.clock = SimpleNamespace(
            now=lambda: datetime.fromtimestamp(1795291000, UTC), monotonic=lambda: 0.0
        )
        self.dispatcher = self.models = self
        self.fetch = None
        settings = {
            "stream": False,
            "thinking": True,
            "thinking_format": "reasoning_content",
            "thinking_summary": False,
            "show_search_sources": False,
            "timeout": 120,
            "stream_total_timeout": 600,
            "sse_keepalive_sec": 15,
            "unary_keepalive": False,
            **grok,
        }
        self.settings = ChatSettings()
        self.shared = SimpleNamespace(
            grok=SimpleNamespace(**settings),
            limits=SimpleNamespace(file_mb=1),
            compat=SimpleNamespace(strict_params=False),
        )

    def get(self, model: str, *, caller: Caller) -> Offer:
        del caller
        card = ModelCard(
            id=model, capability="chat", tier="basic", effort="low", created=0, wire={}
        )
        return Offer(card=card)

    async def open(self, call: Call) -> FakeExchange:
        if self.refusal is not None:
            raise self.refusal
        self.calls.append(call)
        return self.exchange

    def client(self) -> TestClient[Litestar]:
        (route,) = grokgate_chat.grokgate_routes()
        return TestClient(application(route, self))


def application(route: RouteSpec, ctx: Any) -> Litestar:
    async def provide_ctx() -> Any:
        return ctx

    async def provide_caller() -> Caller:
        return Caller(key_id="k1", name="k", request_id="r1")

    def told(_: Request[Any, Any, Any], error: GatewayError) -> Response[Any]:
        return Response(envelope(error), status_code=error.status)

    return Litestar(
        route.handlers,
        dependencies={"ctx": Provide(provide_ctx), "caller": Provide(provide_caller)},
        exception_handlers={GatewayError: told},
        logging_config=None,
    )


def chunks(body: str) -> list[Any]:
    frames = body.removesuffix("\n\n").split("\n\n")
    assert frames[-1] == "data: [DONE]"
    return [msgspec.json.decode(frame.removeprefix("data: ")) for frame in frames[:-1]]


def test_unary_answer() -> None:
    gateway = Gateway(*ANSWER)

    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=HELLO)

    completion = reply.json()
    assert reply.status_code == 200
    assert completion["id"].startswith("chatcmpl-")
    assert (completion["created"], completion["system_fingerprint"]) == (1795291000, "mh_1")
    assert completion["choices"][0]["message"]["content"] == "Hello!"
    assert gateway.exchange.closed


def test_streamed_answer() -> None:
    gateway = Gateway(*ANSWER)

    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json={**HELLO, "stream": True})

    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(reply.text)]
    assert "".join(delta.get("content", "") for delta in deltas) == "Hello!"
    assert gateway.exchange.closed


def test_call_carries_the_conversation_and_its_limits() -> None:
    gateway = Gateway(*ANSWER, timeout=7)
    sent: list[Conversation] = []
    session: Any = SimpleNamespace(converse=sent.append, native=frozenset())

    with gateway.client() as client:
        client.post("/v1/chat/completions", json=HELLO)
    (call,) = gateway.calls
    call.send(session)

    assert sent == [Conversation.of_text("Hi")]
    assert (call.card.id, call.caller.key_id, call.timeout_s) == ("grok", "k1", 7)


@pytest.mark.parametrize(
    ("accept", "kind"), [("*/*", "text/event-stream"), ("application/json", "application/json")]
)
def test_old_front_ends_may_get_streams_unasked(accept: str, kind: str) -> None:
    with Gateway(*ANSWER, stream=True).client() as client:
        reply = client.post("/v1/chat/completions", json=HELLO, headers={"accept": accept})

    assert reply.headers["content-type"].startswith(kind)


def test_failure_before_output_is_an_http_error() -> None:
    gateway = Gateway()
    gateway.refusal = NoTokenAvailable(retry_after_s=3)

    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json={**HELLO, "stream": True})

    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "rate_limit_exceeded")


def test_failure_in_mid_stream_is_an_error_frame_before_done() -> None:
    with Gateway(*ANSWER, error=UpstreamTimeout()).client() as client:
        reply = client.post("/v1/chat/completions", json={**HELLO, "stream": True})

    assert reply.status_code == 200
    assert chunks(reply.text)[-1]["error"]["code"] == "upstream_timeout"


@pytest.mark.parametrize(
    "body",
    [
        {**HELLO, "tools": [{"type": "web_search"}]},
        {**HELLO, "messages": [{"role": "user", "content": [BROKEN_PICTURE]}]},
    ],
    ids=["unsupported", "attachment"],
)
def test_bad_request_costs_nothing(body: dict[str, Any]) -> None:
    gateway = Gateway(*ANSWER)

    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=body)

    assert reply.status_code == 400
    assert gateway.calls == []


def test_openapi_describes_request_and_answer() -> None:
    (route,) = grokgate_chat.grokgate_routes()

    schemas = application(route, None).openapi_schema.to_schema()["components"]["schemas"]

    assert {"ChatRequest", "ChatCompletion"} <= set(schemas)
    assert route.id == "chat_completions"
