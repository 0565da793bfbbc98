"""``/v1/chat/completions``: a request's way from HTTP to an exchange, and the answer's way back."""

from litestar import post
from litestar.params import FromHeader, JSONBody

from grokgate.openai import DONE, new_id
from grokgate.plugin import Ctx, CurrentCaller, EventStream, Exchange, Settings
from grokgate.upstream import Clock, Conversation
from grokgate_chat.attachments import attachments, load
from grokgate_chat.reply import Head, StreamWriter, complete
from grokgate_chat.schema import ChatChunk, ChatCompletion, ChatRequest
from grokgate_chat.translate import (
    check,
    is_streamed,
    to_call,
    to_conversation,
    to_view,
    wants_usage,
)

_MEGABYTE = 2**20


@post(
    "/v1/chat/completions",
    status_code=200,
    summary="Answer a conversation.",
    opt={"event": ChatChunk},
)
async def create_completion(
    ctx: Ctx[Settings],
    caller: CurrentCaller,
    data: JSONBody[ChatRequest],
    accept: FromHeader[str] = "",
) -> ChatCompletion | EventStream:
    """Answer a conversation, whole or streamed."""
    shared = ctx.shared
    streamed = is_streamed(data, default=shared.grok.stream, accept=accept)
    card = ctx.models.find(data.model, capability="chat", caller=caller).card
    check(data, streamed=streamed)
    limit = shared.limits.file_mb * _MEGABYTE
    blobs = await load(attachments(data), ctx.fetch, limit=limit, request_id=caller.request_id)
    prompt = to_conversation(data, blobs)
    call = to_call(prompt, card=card, caller=caller, options=shared.grok, streamed=streamed)
    view = to_view(data, shared.grok)
    exchange = await ctx.dispatcher.open(call)
    head = _head(data, prompt, exchange, ctx.clock)
    if streamed:
        writer = StreamWriter(exchange, head, view, include_usage=wants_usage(data))
        return _stream(exchange, writer, keepalive_s=shared.grok.sse_keepalive_sec)
    async with exchange:
        return await complete(exchange, head, view)


def _head(data: ChatRequest, prompt: Conversation, exchange: Exchange, clock: Clock) -> Head:
    return Head(
        id=new_id("chatcmpl-"),
        created=int(clock.now().timestamp()),
        model=data.model,
        fingerprint=exchange.started.fingerprint if exchange.started is not None else None,
        prompt=prompt,
    )


def _stream(exchange: Exchange, writer: StreamWriter, *, keepalive_s: float) -> EventStream:
    return EventStream(
        exchange,
        writer.frames,
        finish=writer.finish,
        failure=writer.failure,
        keepalive_s=keepalive_s,
        terminator=DONE,
    )
