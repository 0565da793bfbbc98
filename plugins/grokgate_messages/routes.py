"""``/v1/messages``: a request's way from HTTP to an exchange, and the answer's way back."""

from itertools import repeat

from litestar import post
from litestar.params import JSONBody

from grokgate.errors import ModelNotFound, ObjectNotFound
from grokgate.openai import View, affinity, estimate_prompt, new_id
from grokgate.openai.anthropic import anthropic_body
from grokgate.plugin import (
    Caller,
    Ctx,
    CurrentCaller,
    EventStream,
    ModelCard,
    PluginContext,
    caller_call,
    load_attachments,
    open_emulated,
    patiently,
)
from grokgate.plugin.media import UNREAD, Answering, Illustrated
from grokgate_messages.complete import complete
from grokgate_messages.message import MessageCount, MessageEvent, MessageReply
from grokgate_messages.reply import Head
from grokgate_messages.schema import CountRequest, MessagesRequest
from grokgate_messages.settings import MessagesSettings
from grokgate_messages.stream import PING, StreamWriter
from grokgate_messages.translate import model_for, sources, to_conversation, to_drafts, to_view
from grokgate_messages.wanted import may_search, to_wanted

_NAME_SHOWN = 100


@post(
    "/v1/messages",
    status_code=200,
    summary="Answer a conversation, in the form of Anthropic.",
    opt={"event": MessageEvent},
)
async def create_message(
    ctx: Ctx[MessagesSettings], caller: CurrentCaller, data: JSONBody[MessagesRequest]
) -> MessageReply | EventStream:
    """Answer a conversation, whole or streamed."""
    grok = ctx.shared.grok
    card = _card(ctx, data.model, caller)
    wanted = to_wanted(data)
    drafts = to_drafts(data)
    blobs = await load_attachments(sources(drafts), ctx, caller)
    prompt = to_conversation(data, drafts, blobs, search=may_search(data, wanted))
    to_call = caller_call(
        card=card,
        caller=caller,
        affinity=affinity(prompt, caller.key_id),
        timeout_s=grok.stream_total_timeout if data.stream else grok.timeout,
    )
    units = estimate_prompt(prompt) + wanted.units
    head = Head(id=new_id("msg_"), model=data.model, input_units=units)
    view = to_view(data, grok)
    (emulated,) = await open_emulated(
        ctx.dispatcher, to_call, prompt, wanted, clock=ctx.clock, id_prefix="toolu_"
    )
    answer = Illustrated(ctx, caller, emulated, wanted)
    if data.stream:
        writer = StreamWriter(answer, head, view)
        return _stream(answer, writer, keepalive_s=grok.sse_keepalive_sec)
    return await patiently(lambda: _whole(answer, head, view), grok, failure=anthropic_body)


@post(
    "/v1/messages/count_tokens",
    status_code=200,
    summary="Estimate the length of a conversation, in the form of Anthropic.",
)
async def count_tokens(
    ctx: Ctx[MessagesSettings], caller: CurrentCaller, data: JSONBody[CountRequest]
) -> MessageCount:
    """Estimate how much a conversation would count; nothing is fetched or asked."""
    _card(ctx, data.model, caller)
    wanted = to_wanted(data)
    prompt = to_conversation(data, to_drafts(data), repeat(UNREAD))
    return MessageCount(input_tokens=estimate_prompt(prompt) + wanted.units)


async def _whole(answer: Answering, head: Head, view: View) -> MessageReply:
    async with answer:
        return await complete(answer, head, view)


def _stream(answer: Answering, writer: StreamWriter, *, keepalive_s: float) -> EventStream:
    return EventStream(
        answer,
        writer.frames,
        finish=writer.finish,
        failure=writer.failure,
        keepalive_s=keepalive_s,
        ping=PING,
    )


def _card(ctx: PluginContext[MessagesSettings], model: str, caller: Caller) -> ModelCard:
    """Find the model that answers for *model*.

    Raises:
        ObjectNotFound: There is none; the message is the name, as the family has it.
    """
    name = model_for(model, ctx.settings.model_map)
    try:
        return ctx.models.find(name, capability="chat", caller=caller).card
    except ModelNotFound:
        shown = "".join(char for char in model if char.isprintable())[:_NAME_SHOWN]
        raise ObjectNotFound(shown, code="model_not_found", param="model") from None
