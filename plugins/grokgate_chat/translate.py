"""Chat requests → what the upstream is asked (`openai-contract.md` 3.1, 3.2). Pure.

1. `check` applies the rules that hold between fields.
2. `grokgate_chat.wanted` reads tools, form and limits.
3. `attachments` lists what the messages attach; `grokgate.plugin.load_attachments` gets it.
4. `to_conversation` puts texts and the resulting blobs in their places.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn, TypeAlias

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
    Source,
    SystemMessage,
    Thinking,
    ToolMessage,
    UserMessage,
    UserPart,
    View,
    ViewOptions,
    calls_text,
    effective_effort,
    result_text,
    shown,
    source_of,
    without_data,
)
from grokgate.upstream import Attachment, Blob, Conversation, Effort, Message, Part, Role, Text
from grokgate_chat.schema import ChatRequest, ThinkingMode

Content: TypeAlias = str | Sequence[UserPart] | Sequence[AnswerPart] | None


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
    return without_data(Conversation(messages=turns, effort=_effort(request), search=search))


def to_view(request: ChatRequest, options: ViewOptions) -> View:
    """Decide what to show of the answer."""
    return shown(request.reasoning_effort, _thinking(request), options)


def attachments(request: ChatRequest) -> list[Source]:
    """List the attachments, in the order of the request.

    Raises:
        InvalidRequest: A part without source, or with one that no upstream takes.
    """
    return [
        source
        for turn, message in enumerate(request.messages)
        for source in attached(message, turn)
    ]


def attached(message: ChatMessage, turn: int) -> list[Source]:
    """List the attachments of one message, number *turn* of the request; raises the same."""
    if not isinstance(message, UserMessage) or isinstance(message.content, str):
        return []
    return [
        source_of(part, f"messages[{turn}].content[{place}]")
        for place, part in enumerate(message.content)
        if isinstance(part, AttachedPart)
    ]


def _effort(request: ChatRequest) -> Effort | None:
    return effective_effort(request.reasoning_effort, _thinking(request))


def _thinking(request: ChatRequest) -> Thinking | None:
    thinking = request.thinking
    return thinking.type if isinstance(thinking, ThinkingMode) else thinking


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
