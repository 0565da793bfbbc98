"""``/v1/chat/completions``: a request's way from HTTP to an exchange, and the answer's way back."""

from contextlib import AsyncExitStack
from typing import Any

from litestar import post
from litestar.params import FromHeader, JSONBody

from grokgate.openai import DONE, estimate_prompt, new_id
from grokgate.plugin import Ctx, CurrentCaller, Emulated, EventStream, open_emulated
from grokgate.upstream import Clock
from grokgate_chat.attachments import attachments, load
from grokgate_chat.interleave import Interleaved
from grokgate_chat.reply import Head, StreamWriter, complete
from grokgate_chat.schema import ChatChunk, ChatCompletion, ChatRequest
from grokgate_chat.settings import ChatSettings
from grokgate_chat.translate import (
    check,
    is_streamed,
    to_call,
    to_conversation,
    to_view,
    wants_usage,
)
from grokgate_chat.wanted import may_search, to_wanted

_MEGABYTE = 2**20


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
    accept: FromHeader[str] = "",
) -> ChatCompletion | EventStream:
    """Answer a conversation, whole or streamed."""
    shared = ctx.shared
    streamed = is_streamed(data, default=shared.grok.stream, accept=accept)
    card = ctx.models.find(data.model, capability="chat", caller=caller).card
    check(data, streamed=streamed, most_choices=ctx.settings.max_choices)
    wanted = to_wanted(data)
    limit = shared.limits.file_mb * _MEGABYTE
    blobs = await load(attachments(data), ctx.fetch, limit=limit, request_id=caller.request_id)
    prompt = to_conversation(data, blobs, search=may_search(data, wanted))
    answers = await open_emulated(
        ctx.dispatcher,
        to_call(prompt, card=card, caller=caller, options=shared.grok, streamed=streamed),
        prompt,
        wanted,
        clock=ctx.clock,
        choices=data.n or 1,
    )
    head = _head(data, answers[0], ctx.clock, units=estimate_prompt(prompt) + wanted.units)
    view = to_view(data, shared.grok)
    if streamed:
        writer = StreamWriter(answers, head, view, include_usage=wants_usage(data))
        return _stream(answers, writer, keepalive_s=shared.grok.sse_keepalive_sec)
    async with AsyncExitStack() as stack:
        for answer in answers:
            await stack.enter_async_context(answer)
        return await complete(answers, head, view)


def _head(data: ChatRequest, answer: Emulated, clock: Clock, *, units: int) -> Head:
    return Head(
        id=new_id("chatcmpl-"),
        created=int(clock.now().timestamp()),
        model=data.model,
        fingerprint=answer.started.fingerprint if answer.started is not None else None,
        input_units=units,
    )


def _stream(answers: list[Emulated], writer: StreamWriter, *, keepalive_s: float) -> EventStream:
    ending: dict[str, Any] = {
        "finish": writer.finish,
        "failure": writer.failure,
        "keepalive_s": keepalive_s,
        "terminator": DONE,
    }
    if len(answers) == 1:
        return EventStream(answers[0], writer.frames, **ending)
    return EventStream(Interleaved(answers), writer.frames_of, **ending)
