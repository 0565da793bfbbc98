"""Gathers what a turn asks, and opens what answers it.

Image and video models are asked for what the user's last message says (`grokgate.plugin.media`).

A prompt that is too long is shortened once, where that is wanted (``truncation``,
`openai-contract.md` 4.1).
"""

from collections.abc import Sequence

from msgspec import Struct, structs

from grokgate.errors import ContextTooLong
from grokgate.openai import Affinity, affinity, estimate_prompt
from grokgate.plugin import (
    Caller,
    Emulated,
    Offer,
    PluginContext,
    caller_call,
    load_attachments,
    open_emulated,
)
from grokgate.plugin.media import (
    UNREAD,
    Answering,
    Illustrated,
    MediaWish,
    Wish,
    check_turn,
    last_turn,
    open_turn,
)
from grokgate.upstream import Blob, Conversation, Message
from grokgate_responses.request.translate import Asked, History, conversation, sources
from grokgate_responses.settings import ResponsesSettings

_INPUT = "input"


class Material(Struct, frozen=True, kw_only=True):
    """What a turn is made from, beside the request."""

    offer: Offer
    history: History | None
    """What it continues."""
    blobs: Sequence[Blob]
    """Attachments of the new items, in order."""
    prompt: Conversation
    affinity: Affinity
    wish: MediaWish | None = None
    """What an image or video model is to make."""


class Opened(Struct, frozen=True, kw_only=True):
    """An answer that has begun."""

    answer: Emulated | Answering
    """An `Emulated` where pictures become items, which are not fetched yet."""
    prompt: Conversation
    """What was asked in the end."""


async def load_material(
    ctx: PluginContext[ResponsesSettings], caller: Caller, asked: Asked, history: History | None
) -> Material:
    """Find the model, load what is attached, and put the prompt together.

    Raises:
        GatewayError: The model is not offered, or cannot do what is asked, or an attachment cannot
            be used.
    """
    offer = ctx.models.get(asked.request.model, caller=caller)
    wish = None if offer.card.capability == "chat" else _wish(ctx, offer, asked, history)
    blobs = await load_attachments(sources(asked), ctx, caller, param=_INPUT)
    prompt = conversation(asked, history, blobs)
    return Material(
        offer=offer,
        history=history,
        blobs=blobs,
        prompt=prompt if wish is None else last_turn(prompt),
        affinity=named(prompt, history, caller.key_id),
        wish=wish,
    )


def named(prompt: Conversation, history: History | None, key_id: str) -> Affinity:
    """Name a conversation: a continuation is named like what it continues.

    So it makes no difference whether a client continues a turn or sends it all again.
    """
    if history is not None and history.affinity is not None:
        return Affinity(history.affinity)
    return affinity(prompt, key_id)


async def open_answer(
    ctx: PluginContext[ResponsesSettings],
    caller: Caller,
    asked: Asked,
    material: Material,
    *,
    timeout_s: float,
) -> Opened:
    """Ask the upstream, and wait for its first output.

    Args:
        ctx: Of the plugin.
        caller: The same object as for every other call of the request.
        asked: The checked request.
        material: Prompt, model and history.
        timeout_s: Total limit of a call; 0: none.

    Raises:
        ContextTooLong: The prompt is too long, and may not or cannot be shortened.
        GatewayError: What `open_emulated` and `open_turn` raise.
    """
    if material.wish is not None:
        making = await open_turn(
            ctx,
            caller,
            material.offer,
            material.wish,
            material.prompt,
            param=_INPUT,
            timeout_s=timeout_s,
        )
        return Opened(answer=making, prompt=material.prompt)
    to_call = caller_call(
        card=material.offer.card,
        caller=caller,
        affinity=material.affinity,
        timeout_s=timeout_s,
    )

    async def opened(prompt: Conversation) -> Opened:
        (answer,) = await open_emulated(
            ctx.dispatcher, to_call, prompt, asked.wanted, clock=ctx.clock
        )
        if asked.takes_pictures:
            return Opened(answer=answer, prompt=prompt)
        shown = Illustrated(ctx, caller, answer, asked.wanted)
        return Opened(answer=shown, prompt=prompt)

    try:
        return await opened(material.prompt)
    except ContextTooLong:
        shorter = shortened(material.prompt)
        if asked.request.truncation != "auto" or shorter is None:
            raise
    return await opened(shorter)


def _wish(
    ctx: PluginContext[ResponsesSettings], offer: Offer, asked: Asked, history: History | None
) -> MediaWish:
    """Check what an image or video model is asked for; nothing is loaded yet."""
    request = asked.request
    draft = conversation(asked, history, [UNREAD] * len(sources(asked)))
    wish = check_turn(
        ctx,
        offer,
        last_turn(draft),
        request.configs,
        param=_INPUT,
        streamed=bool(request.stream),
    )
    if isinstance(wish, Wish) and asked.takes_pictures:
        return structs.replace(wish, contents=True)
    return wish


def shortened(prompt: Conversation) -> Conversation | None:
    """Leave out the oldest half of what is not the system's; None: there is but one message.

    Half by the estimate of `openai-contract.md` 13. The last message always stays.
    """
    turns = [message for message in prompt.messages if message.role != "system"]
    if len(turns) < 2:  # noqa: PLR2004 - one has to stay
        return None
    units = [_units(message) for message in turns]
    allowed, first = sum(units) // 2, len(turns) - 1
    allowed -= units[first]
    while first > 1 and units[first - 1] <= allowed:
        first -= 1
        allowed -= units[first]
    left_out = {id(message) for message in turns[:first]}
    kept = tuple(message for message in prompt.messages if id(message) not in left_out)
    return structs.replace(prompt, messages=kept)


def _units(message: Message) -> int:
    return estimate_prompt(Conversation(messages=(message,)))
