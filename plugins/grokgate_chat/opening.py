"""Opens what answers a chat request: conversations, or the making of pictures or a video."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any

from msgspec import Struct, structs

from grokgate.errors import InvalidRequest
from grokgate.openai import UserMessage, affinity, estimate_prompt
from grokgate.plugin import (
    Caller,
    Offer,
    PluginContext,
    caller_call,
    load_attachments,
    open_emulated,
)
from grokgate.plugin.media import (
    UNREAD,
    Answering,
    Configs,
    Illustrated,
    check_turn,
    last_turn,
    open_turn,
)
from grokgate_chat.schema import ChatRequest
from grokgate_chat.settings import ChatSettings
from grokgate_chat.translate import attached, attachments, check, to_conversation
from grokgate_chat.wanted import may_search, to_wanted

_FOR_TEXT_ALONE = (
    "max_completion_tokens",
    "max_tokens",
    "parallel_tool_calls",
    "response_format",
    "stop",
    "tool_choice",
    "tools",
    "web_search_options",
)
"""Fields without effect on pictures and videos."""


class Opened(Struct, frozen=True, kw_only=True):
    """Answers that have begun."""

    answers: Sequence[Answering]
    """One per alternative asked for."""
    units: int
    """Estimate of the prompt."""


async def open_answers(
    ctx: PluginContext[ChatSettings],
    caller: Caller,
    request: ChatRequest,
    offer: Offer,
    *,
    streamed: bool,
) -> Opened:
    """Check *request*, and wait for the first output.

    Raises:
        GatewayError: It cannot be served.
    """
    grok = ctx.shared.grok
    timeout_s = grok.stream_total_timeout if streamed else grok.timeout
    if offer.card.capability == "chat":
        check(request, streamed=streamed, most_choices=ctx.settings.max_choices)
        return await _converse(ctx, caller, request, offer, timeout_s=timeout_s)
    check(request, streamed=streamed, most_choices=1)
    return await _make(ctx, caller, request, offer, streamed=streamed, timeout_s=timeout_s)


def unused(request: ChatRequest, offer: Offer, *, strict: bool) -> tuple[str, ...]:
    """Return the names of fields that have no effect on the model.

    Raises:
        InvalidRequest: There is one, and *strict* (``compat.strict_params``).
    """
    names = _configs(request).unused(offer)
    if offer.card.capability != "chat":
        names += tuple(name for name in _FOR_TEXT_ALONE if getattr(request, name) is not None)
    if strict and names:
        raise InvalidRequest(
            "This parameter is not supported here.", code="unsupported_parameter", param=names[0]
        )
    return names


async def _converse(
    ctx: PluginContext[Any], caller: Caller, request: ChatRequest, offer: Offer, *, timeout_s: float
) -> Opened:
    wanted = to_wanted(request)
    blobs = await load_attachments(attachments(request), ctx, caller)
    prompt = to_conversation(request, blobs, search=may_search(request, wanted))
    answers = await open_emulated(
        ctx.dispatcher,
        caller_call(
            card=offer.card,
            caller=caller,
            affinity=affinity(prompt, caller.key_id),
            timeout_s=timeout_s,
        ),
        prompt,
        wanted,
        clock=ctx.clock,
        choices=request.n or 1,
    )
    return Opened(
        answers=[Illustrated(ctx, caller, answer, wanted) for answer in answers],
        units=estimate_prompt(prompt) + wanted.units,
    )


async def _make(
    ctx: PluginContext[Any],
    caller: Caller,
    request: ChatRequest,
    offer: Offer,
    *,
    streamed: bool,
    timeout_s: float,
) -> Opened:
    """Have made what the last message of the user asks for."""
    last = _last(request)
    only = structs.replace(request, messages=request.messages[last : last + 1])
    draft = last_turn(to_conversation(only, repeat(UNREAD)))
    configs = _configs(request)
    wish = check_turn(ctx, offer, draft, configs, param="messages", streamed=streamed)
    blobs = await load_attachments(attached(only.messages[0], last), ctx, caller)
    turn = to_conversation(only, blobs)
    answer = await open_turn(ctx, caller, offer, wish, turn, param="messages", timeout_s=timeout_s)
    return Opened(answers=[answer], units=estimate_prompt(turn))


def _configs(request: ChatRequest) -> Configs:
    return Configs(image_config=request.image_config, video_config=request.video_config)


def _last(request: ChatRequest) -> int:
    """Return the place of the user's last message; without one that of the first message."""
    places = [
        place for place, message in enumerate(request.messages) if isinstance(message, UserMessage)
    ]
    return places[-1] if places else 0
