"""The extension ``messages``: chat messages read as input (`openai-contract.md` 3.2, 4.1)."""

from collections.abc import Iterator, Sequence

from grokgate.openai import (
    AssistantMessage,
    ChatMessage,
    CustomCall,
    DeveloperMessage,
    FunctionCall,
    FunctionMessage,
    InputImagePart,
    RefusalPart,
    TextPart,
    ToolMessage,
    UserMessage,
    UserPart,
)
from grokgate_responses.request.ids import NewId
from grokgate_responses.request.reading import miss, refuse
from grokgate_responses.request.schema_items import (
    AnswerInput,
    ContentPart,
    CustomCallInput,
    Entry,
    FunctionCallInput,
    MessageInput,
    PictureInput,
    ResultInput,
)

_FUNCTION = "function_call"
_CUSTOM = "custom_tool_call"
_RESULT = "{}_output"


def read_messages(messages: Sequence[ChatMessage], *, new_id: NewId) -> list[Entry]:
    """List *messages* as items.

    Raises:
        InvalidRequest: A message has no content, or a result answers no earlier call.
    """
    reader = _Reader(new_id)
    return [
        entry
        for turn, message in enumerate(messages)
        for entry in reader.read(message, f"messages[{turn}]")
    ]


class _Reader:
    """Remembers the calls, so that results find them."""

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id
        self._kinds: dict[str, str] = {}
        """Call id → kind of the call."""
        self._latest: dict[str, str] = {}
        """Function → id of its latest call in the deprecated form."""

    def read(self, message: ChatMessage, path: str) -> Iterator[Entry]:
        """Yield the items of the next message."""
        match message:
            case AssistantMessage():
                yield from self._answer(message, path)
            case ToolMessage():
                yield self._result(message, path)
            case FunctionMessage():
                yield self._old_result(message, path)
            case UserMessage():
                said = MessageInput(role="user", content=_content(message.content))
                yield Entry(path=path, kind="message", content=said)
            case _:
                is_developer = isinstance(message, DeveloperMessage)
                said = MessageInput(
                    role="developer" if is_developer else "system", content=message.content
                )
                yield Entry(path=path, kind="message", content=said)

    def _answer(self, message: AssistantMessage, path: str) -> Iterator[Entry]:
        calls = list(self._calls(message, path))
        if message.content is None and not (calls or message.refusal):
            miss(f"{path}.content")
        if said := list(_said(message)):
            content = AnswerInput(role="assistant", content=said)
            yield Entry(path=path, kind="message", content=content)
        yield from calls

    def _calls(self, message: AssistantMessage, path: str) -> Iterator[Entry]:
        for call in message.tool_calls or ():
            yield self._call(call, path)
        if (old := message.function_call) is not None:
            call_id = self._latest[old.name] = self._new_id("call_")
            content = FunctionCallInput(call_id=call_id, name=old.name, arguments=old.arguments)
            yield Entry(path=path, kind=_FUNCTION, content=content)

    def _call(self, call: FunctionCall | CustomCall, path: str) -> Entry:
        content: FunctionCallInput | CustomCallInput
        if isinstance(call, FunctionCall):
            kind, function = _FUNCTION, call.function
            content = FunctionCallInput(
                call_id=call.id, name=function.name, arguments=function.arguments
            )
        else:
            kind, custom = _CUSTOM, call.custom
            content = CustomCallInput(call_id=call.id, name=custom.name, input=custom.input)
        self._kinds[call.id] = kind
        return Entry(path=path, kind=kind, content=content)

    def _result(self, message: ToolMessage, path: str) -> Entry:
        kind = self._kinds.get(message.tool_call_id)
        if kind is None:
            refuse(
                f"{path}.tool_call_id",
                "A tool message must answer a tool call of an earlier assistant message.",
            )
        content = ResultInput(call_id=message.tool_call_id, output=message.content)
        return Entry(path=path, kind=_RESULT.format(kind), content=content)

    def _old_result(self, message: FunctionMessage, path: str) -> Entry:
        call_id = self._latest.get(message.name) or self._new_id("call_")
        content = ResultInput(call_id=call_id, name=message.name, output=message.content or "")
        return Entry(path=path, kind=_RESULT.format(_FUNCTION), content=content)


def _content(content: str | Sequence[UserPart]) -> str | list[ContentPart]:
    return content if isinstance(content, str) else [_part(part) for part in content]


def _part(part: UserPart) -> ContentPart:
    if isinstance(part, InputImagePart):
        return PictureInput(image_url=part.image_url, file_id=part.file_id)
    return part


def _said(message: AssistantMessage) -> Iterator[ContentPart]:
    if isinstance(message.content, str):
        yield TextPart(text=message.content)
    else:
        yield from message.content or ()
    if message.refusal:
        yield RefusalPart(refusal=message.refusal)
