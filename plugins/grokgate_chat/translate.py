"""Chat requests → what the upstream is asked (`openai-contract.md` 3.1, 3.2). Pure.

1. `check` applies the rules that hold between fields.
2. `grokgate_chat.wanted` reads tools, form and limits.
3. `grokgate_chat.attachments` decodes and fetches what the messages attach.
4. `to_conversation` puts texts and the resulting blobs in their places.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NoReturn, Protocol, TypeAlias

from grokgate.errors import InvalidRequest
from grokgate.openai import (
    AnswerPart,
    AssistantMessage,
    AttachedPart,
    ChatMessage,
    DeveloperMessage,
    FunctionCall,
    FunctionMessage,
    ImagePart,
    InputImagePart,
    RefusalPart,
    SystemMessage,
    ToolMessage,
    UserMessage,
    UserPart,
    calls_text,
    result_text,
)
from grokgate.plugin import Call, Caller, ModelCard, Send
from grokgate.upstream import Attachment, Blob, Conversation, Effort, Message, Part, Role, Text
from grokgate_chat.answer import ThinkingFormat, View
from grokgate_chat.schema import ChatRequest, Thinking

Content: TypeAlias = str | Sequence[UserPart] | Sequence[AnswerPart] | None


class ChatOptions(Protocol):
    """What chat reads of the core's section ``grok``."""

    thinking: bool
    thinking_format: ThinkingFormat
    thinking_summary: bool
    show_search_sources: bool
    timeout: float
    """Seconds for a unary call."""
    stream_total_timeout: float
    """Seconds for a streamed call; 0: none."""


def is_streamed(request: ChatRequest, *, default: bool, accept: str) -> bool:
    """Decide the reply mode (F-API-05); *default* is the operator's ``grok.stream``."""
    if request.stream is not None:
        return request.stream
    wants_json = "application/json" in accept and "text/event-stream" not in accept
    return default and not wants_json


def wants_usage(request: ChatRequest) -> bool:
    """Tell whether a stream is to end with the usage numbers."""
    return request.stream_options is not None and bool(request.stream_options.include_usage)


def check(request: ChatRequest, *, streamed: bool, most_choices: int) -> None:
    """Apply the rules between fields, and refuse what would change the meaning if ignored.

    Args:
        request: Decoded.
        streamed: How it is answered.
        most_choices: The most that ``n`` may be.

    Raises:
        InvalidRequest: Names the field in ``param``.
    """
    _refuse_unsupported(request)
    if request.stream_options is not None and not streamed:
        _refuse("stream_options", "'stream_options' is only allowed when 'stream' is true.")
    if (request.n or 1) > most_choices:
        raise InvalidRequest(
            f"Invalid value for 'n': at most {most_choices} choices are allowed.",
            code="integer_above_max_value",
            param="n",
        )
    _check_turns(request.messages)
    if not any(_has_substance(message) for message in request.messages):
        _refuse("messages", "The messages hold neither text nor an attachment.")


def to_conversation(
    request: ChatRequest, blobs: Iterable[Blob], *, search: bool = True
) -> Conversation:
    """Build the conversation; *blobs* are those of its attachments, in order."""
    names = _call_names(request.messages)
    waiting = iter(blobs)
    turns = tuple(_turn(message, names, waiting) for message in request.messages)
    return Conversation(messages=turns, effort=_effort(request), search=search)


def to_call(
    prompt: Conversation, *, card: ModelCard, caller: Caller, options: ChatOptions, streamed: bool
) -> Callable[[Send], Call]:
    """Return what builds a call about *prompt* from the function that sends it."""
    limit_s = options.stream_total_timeout if streamed else options.timeout
    chain = affinity(prompt, caller.key_id)

    def call(send: Send) -> Call:
        return Call(caller=caller, card=card, send=send, affinity=chain, timeout_s=limit_s or None)

    return call


def to_view(request: ChatRequest, options: ChatOptions) -> View:
    """Decide what to show; the request wins over the operator's settings (F-CHAT-10)."""
    effort = _effort(request)
    if effort is not None:
        shown = effort not in ("none", "minimal")
    else:
        shown = options.thinking or _thinking(request) == "enabled"
    return View(
        reasoning=shown,
        thinking_format=options.thinking_format,
        summary=options.thinking_summary,
        list_sources=options.show_search_sources,
    )


def affinity(conversation: Conversation, key_id: str) -> str | None:
    """Name the conversation, so that its later turns may go to the same account.

    The name is made of the key and the turns before the first answer: these stay the same while the
    conversation grows. None for a conversation without an answer: such calls are to spread.
    """
    digest = hashlib.sha256(key_id.encode())
    for message in conversation.messages:
        if message.role == "assistant":
            return digest.hexdigest()[:32]
        for part in message.parts:
            text = part.text if isinstance(part, Text) else f"{part.blob.name} {part.blob.size}"
            digest.update(f"\0{message.role}\0{text}".encode(errors="replace"))
    return None


def _effort(request: ChatRequest) -> Effort | None:
    if request.reasoning_effort is None and _thinking(request) == "disabled":
        return "none"
    return request.reasoning_effort


def _thinking(request: ChatRequest) -> str | None:
    thinking = request.thinking
    return thinking.type if isinstance(thinking, Thinking) else thinking


def _refuse_unsupported(request: ChatRequest) -> None:
    """Refuse fields that ask for an answer of another shape or meaning than can be given."""
    unsupported = {
        "functions": request.functions is not None,
        "function_call": request.function_call is not None,
        "logprobs": request.logprobs,
        "top_logprobs": (request.top_logprobs or 0) > 0,
        "modalities": any(word != "text" for word in request.modalities or ()),
        "audio": request.audio is not None,
    }
    for field, is_used in unsupported.items():
        if is_used:
            hint = " Use 'tools'." if field in ("functions", "function_call") else ""
            raise InvalidRequest(
                f"Unsupported parameter: '{field}' is not supported with this endpoint.{hint}",
                code="unsupported_parameter",
                param=field,
            )


def _check_turns(messages: Sequence[ChatMessage]) -> None:
    known: set[str] = set()
    for turn, message in enumerate(messages):
        match message:
            case AssistantMessage():
                calls = message.tool_calls or ()
                if message.content is None and not (
                    calls or message.function_call or message.refusal
                ):
                    raise InvalidRequest(
                        "An assistant message needs content, a tool call or a refusal.",
                        code="missing_required_parameter",
                        param=f"messages[{turn}].content",
                    )
                known.update(call.id for call in calls)
            case ToolMessage() if message.tool_call_id not in known:
                _refuse(
                    f"messages[{turn}].tool_call_id",
                    "A tool message must answer a tool call of an earlier assistant message.",
                )
            case _:
                pass


def _has_substance(message: ChatMessage) -> bool:
    if isinstance(message, AssistantMessage) and (
        message.tool_calls or message.function_call or (message.refusal or "").strip()
    ):
        return True
    content: Content = message.content
    if content is None or isinstance(content, str):
        return bool((content or "").strip())
    return any(isinstance(part, AttachedPart) or _words(part).strip() for part in content)


def _call_names(messages: Sequence[ChatMessage]) -> dict[str, str]:
    """Return tool names by call id."""
    return {
        call.id: call.function.name if isinstance(call, FunctionCall) else call.custom.name
        for message in messages
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls or ()
    }


def _turn(message: ChatMessage, names: dict[str, str], blobs: Iterator[Blob]) -> Message:
    match message:
        case SystemMessage() | DeveloperMessage():
            return Message(role="system", parts=_parts(message.content, blobs))
        case UserMessage():
            return Message(role="user", parts=_parts(message.content, blobs))
        case AssistantMessage():
            return Message(role="assistant", parts=_answer_parts(message, blobs))
        case ToolMessage():
            return _result(names[message.tool_call_id], _joined(message.content))
        case FunctionMessage():
            return _result(message.name, message.content or "")


def _result(name: str, text: str) -> Message:
    role: Role = "tool"
    return Message(role=role, parts=(Text(text=result_text(name, text)),))


def _answer_parts(message: AssistantMessage, blobs: Iterator[Blob]) -> tuple[Part, ...]:
    parts = _parts(message.content, blobs)
    if message.refusal:
        parts += (Text(text=message.refusal),)
    calls = [
        (call.function.name, call.function.arguments)
        if isinstance(call, FunctionCall)
        else (call.custom.name, call.custom.input)
        for call in message.tool_calls or ()
    ]
    if message.function_call is not None:
        calls.append((message.function_call.name, message.function_call.arguments))
    return (*parts, Text(text=calls_text(calls))) if calls else parts


def _parts(content: Content, blobs: Iterator[Blob]) -> tuple[Part, ...]:
    if content is None or isinstance(content, str):
        return (Text(text=content),) if content else ()
    return tuple(_part(part, blobs) for part in content)


def _part(part: UserPart | AnswerPart, blobs: Iterator[Blob]) -> Part:
    if isinstance(part, ImagePart | InputImagePart):
        return Attachment(blob=next(blobs), kind="image")
    if isinstance(part, AttachedPart):
        return Attachment(blob=next(blobs))
    return Text(text=_words(part))


def _words(part: UserPart | AnswerPart) -> str:
    if isinstance(part, RefusalPart):
        return part.refusal
    return "" if isinstance(part, AttachedPart) else part.text


def _joined(content: Content) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(_words(part) for part in content)


def _refuse(param: str, message: str) -> NoReturn:
    raise InvalidRequest(message, param=param)
