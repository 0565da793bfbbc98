"""``POST /v1/responses/compact``: a conversation becomes a summary (`openai-contract.md` 4.9).

The model writes the summary, through the same dispatcher as any answer. It is sealed for the
client's key and stored nowhere: the client sends the whole ``output`` back as input.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

from litestar import post
from litestar.params import JSONBody
from msgspec import Meta, Struct, structs

from grokgate.errors import EmptyResponse
from grokgate.openai import Answer, View, count, estimate_prompt, new_id
from grokgate.plugin import (
    Caller,
    Ctx,
    CurrentCaller,
    EventStream,
    PluginContext,
    load_attachments,
    patiently,
)
from grokgate.upstream import Conversation, Message, Text
from grokgate_responses.answer.objects import OutputDetails, ResponseUsage, UsageProvenance
from grokgate_responses.asking import Asking, read_request
from grokgate_responses.kept.keeper import StoredTurns
from grokgate_responses.kept.sealing import seal_summary
from grokgate_responses.opening import Material, named, open_answer
from grokgate_responses.request.schema import ResponsesRequest
from grokgate_responses.request.translate import conversation, sources
from grokgate_responses.settings import ResponsesSettings

_DEMAND: Final = (
    "Summarize the conversation so far, so that it can be continued from the summary alone. Keep "
    "every fact, decision, name, number, file path, piece of code and open task that may still "
    "matter, and what was tried without success. Leave out greetings and repetition. Answer with "
    "the summary only."
)
_LAST_WORDS: Final = "The user's last message, word for word:"


class CompactRequest(Struct, frozen=True, kw_only=True):
    """What is to be compacted."""

    __ignored__: ClassVar[frozenset[str]] = frozenset({"prompt_cache_key"})

    model: str
    """Writes the summary."""
    input: Annotated[str, Meta(min_length=1)] | dict[str, Any] | list[Any] | None = None
    previous_response_id: str | None = None
    instructions: str | None = None
    """What the model was told besides."""
    prompt_cache_key: str | None = None


class Compaction(Struct, frozen=True, kw_only=True):
    """A compacted conversation."""

    id: str
    object: Literal["response.compaction"] = "response.compaction"
    created_at: int
    """Unix seconds."""
    output: Sequence[dict[str, Any]]
    """The input of the next turn."""
    usage: ResponseUsage


class Summary(Struct, frozen=True, kw_only=True):
    """What the model wrote, and the user's last words."""

    text: str
    usage: ResponseUsage


@post("/v1/responses/compact", status_code=200, summary="Compact a conversation.")
async def compact_response(
    ctx: Ctx[ResponsesSettings], caller: CurrentCaller, data: JSONBody[CompactRequest]
) -> Compaction | EventStream:
    """Summarize a conversation."""
    request = ResponsesRequest(
        model=data.model,
        input=data.input,
        previous_response_id=data.previous_response_id,
        instructions=data.instructions,
        store=False,
    )
    asking = await read_request(ctx, caller, request, StoredTurns(ctx))

    async def compacted() -> Compaction:
        summary = await summarize(ctx, caller, asking)
        item = {
            "id": new_id("cmp_"),
            "type": "compaction",
            "encrypted_content": seal_summary(ctx, summary.text, owner=caller.key_id),
        }
        return Compaction(
            id=new_id("resp_"),
            created_at=int(ctx.clock.now().timestamp()),
            output=[item],
            usage=summary.usage,
        )

    return await patiently(compacted, ctx.shared.grok)


async def summarize(
    ctx: PluginContext[ResponsesSettings], caller: Caller, asking: Asking
) -> Summary:
    """Let the model write a summary of everything a request holds.

    Raises:
        GatewayError: It cannot be asked, or it wrote nothing.
    """
    asked, history = asking.asked, asking.history
    offer = ctx.models.find(asked.request.model, capability="chat", caller=caller)
    blobs = await load_attachments(sources(asked), ctx, caller, param="input")
    prompt = conversation(asked, history, blobs)
    material = Material(
        offer=offer,
        history=history,
        blobs=blobs,
        prompt=_demanding(prompt),
        affinity=named(prompt, history, caller.key_id),
    )
    opened = await open_answer(ctx, caller, asked, material, timeout_s=ctx.shared.grok.timeout)
    answer, texts = Answer(View(reasoning=False)), []
    async with opened.answer as exchange:
        async for event in exchange:
            texts += [piece[1] for piece in answer.feed(event) if isinstance(piece, tuple)]
    finished, text = exchange.finished, "".join(texts).strip()
    if finished is None or not text:
        raise EmptyResponse
    counts = count(
        [(answer, finished)], prompt=estimate_prompt(opened.prompt) + exchange.further_input
    )
    usage = ResponseUsage(
        input_tokens=counts.input,
        output_tokens=counts.output,
        output_tokens_details=OutputDetails(reasoning_tokens=counts.reasoning),
        total_tokens=counts.input + counts.output,
        grokgate=UsageProvenance(estimated=counts.estimated),
    )
    return Summary(text=_with_last_words(text, prompt), usage=usage)


def _demanding(prompt: Conversation) -> Conversation:
    demand = Message(role="user", parts=(Text(text=_DEMAND),))
    return structs.replace(prompt, messages=(*prompt.messages, demand), search=False)


def _with_last_words(summary: str, prompt: Conversation) -> str:
    """Add the user's last message word for word: what to do next must not be retold."""
    for message in reversed(prompt.messages):
        if message.role == "user":
            said = "\n".join(part.text for part in message.parts if isinstance(part, Text))
            return f"{summary}\n\n{_LAST_WORDS}\n{said}" if said else summary
    return summary
