"""``/v1/chat/completions``: a request's way from HTTP to an exchange, and the answer's way back."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from litestar import Request, Response, post
from litestar.params import FromHeader, JSONBody

from grokgate.openai import DONE, View, new_id
from grokgate.plugin import Ctx, CurrentCaller, EventStream, patiently
from grokgate.plugin.media import Answering
from grokgate.upstream import Clock
from grokgate_chat.complete import complete
from grokgate_chat.interleave import Interleaved
from grokgate_chat.opening import Opened, open_answers, unused
from grokgate_chat.reply import Head
from grokgate_chat.schema import ChatChunk, ChatCompletion, ChatRequest
from grokgate_chat.settings import ChatSettings
from grokgate_chat.stream import StreamWriter
from grokgate_chat.translate import is_streamed, to_view, wants_usage


@post(
    "/v1/chat/completions",
    status_code=200,
    summary="Answer a conversation.",
    opt={"event": ChatChunk},
)
async def create_completion(
    ctx: Ctx[ChatSettings],
    caller: CurrentCaller,
    data: JSONBody[ChatRequest],
    request: Request[Any, Any, Any],
    accept: FromHeader[str] = "",
) -> ChatCompletion | Response[ChatCompletion] | EventStream:
    """Answer a conversation, whole or streamed."""
    shared = ctx.shared
    streamed = is_streamed(data, default=shared.grok.stream, accept=accept)
    offer = ctx.models.get(data.model, caller=caller)
    _tell_ignored(request, unused(data, offer, strict=shared.compat.strict_params))
    opened = await open_answers(ctx, caller, data, offer, streamed=streamed)
    answers = opened.answers
    head = _head(data, opened, ctx.clock)
    view = to_view(data, shared.grok)
    if streamed:
        writer = StreamWriter(answers, head, view, include_usage=wants_usage(data))
        return _stream(answers, writer, keepalive_s=shared.grok.sse_keepalive_sec)
    reply = await patiently(lambda: _whole(answers, head, view), shared.grok)
    if isinstance(reply, EventStream):
        return reply
    return Response(reply, headers=answers[0].headers)


async def _whole(answers: Sequence[Answering], head: Head, view: View) -> ChatCompletion:
    async with AsyncExitStack() as stack:
        for answer in answers:
            await stack.enter_async_context(answer)
        return await complete(answers, head, view)


def _tell_ignored(request: Request[Any, Any, Any], names: tuple[str, ...]) -> None:
    """Add *names* to what ``x-grokgate-ignored`` names."""
    state = request.scope["state"]
    state["ignored"] = (*state.get("ignored", ()), *names)


def _head(data: ChatRequest, opened: Opened, clock: Clock) -> Head:
    started = opened.answers[0].started
    return Head(
        id=new_id("chatcmpl-"),
        created=int(clock.now().timestamp()),
        model=data.model,
        fingerprint=started.fingerprint if started is not None else None,
        input_units=opened.units,
    )


def _stream(
    answers: Sequence[Answering], writer: StreamWriter, *, keepalive_s: float
) -> EventStream:
    ending: dict[str, Any] = {
        "finish": writer.finish,
        "failure": writer.failure,
        "keepalive_s": keepalive_s,
        "terminator": DONE,
        "headers": answers[0].headers,
    }
    if len(answers) == 1:
        return EventStream(answers[0], writer.frames, **ending)
    return EventStream(Interleaved(answers), writer.frames_of, **ending)
