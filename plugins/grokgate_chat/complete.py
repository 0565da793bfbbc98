"""Answers as a completion object (`openai-contract.md` 3.3)."""

from collections.abc import Iterable, Sequence

import anyio
from msgspec import UNSET

from grokgate.openai import Answer, Piece, View
from grokgate.plugin import Reading, read_whole
from grokgate.upstream import Finished, ToolCall
from grokgate_chat.reply import (
    Head,
    annotations,
    call_reply,
    finish_reason,
    pages,
    usage_of,
)
from grokgate_chat.schema import AnswerMessage, CallReply, ChatCompletion, Choice


async def complete(readings: Sequence[Reading], head: Head, view: View) -> ChatCompletion:
    """Read *readings* to their ends, side by side, and build the completion object.

    Raises:
        GatewayError: The upstream failed. Moderation in mid-answer is no failure (F-CHAT-27).
    """
    gathered = [_Gathered(reading, view) for reading in readings]
    if len(gathered) == 1:
        await gathered[0].read()
    else:
        await _read_all(gathered)
    return ChatCompletion(
        id=head.id,
        created=head.created,
        model=head.model,
        choices=[one.choice(index) for index, one in enumerate(gathered)],
        usage=usage_of([(one.answer, one.finished) for one in gathered], readings, head),
        system_fingerprint=head.fingerprint,
    )


class _Gathered:
    """One alternative of a unary reply."""

    finished: Finished
    _pieces: list[Piece]

    def __init__(self, reading: Reading, view: View) -> None:
        self.answer = Answer(view)
        self._reading = reading

    async def read(self) -> None:
        self._pieces, self.finished = await read_whole(self._reading, self.answer)
        self._pieces += self.answer.end()

    def choice(self, index: int) -> Choice:
        texts: dict[str, list[str]] = {"content": [], "reasoning": []}
        calls: list[CallReply] = []
        for piece in self._pieces:
            if isinstance(piece, ToolCall):
                calls.append(call_reply(piece))
            else:
                texts[piece[0]].append(piece[1])
        content = "".join(texts["content"])
        message = AnswerMessage(
            content=content if content or not calls else None,
            annotations=annotations(self.answer),
            tool_calls=calls or UNSET,
            reasoning_content="".join(texts["reasoning"]) or UNSET,
            search_sources=pages(self.answer) or UNSET,
        )
        reason = finish_reason(self.answer, self.finished)
        return Choice(index=index, message=message, finish_reason=reason)


async def _read_all(gathered: Iterable[_Gathered]) -> None:
    """Read all at once; the first error ends the others and is raised."""
    try:
        async with anyio.create_task_group() as group:
            for one in gathered:
                group.start_soon(one.read)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
