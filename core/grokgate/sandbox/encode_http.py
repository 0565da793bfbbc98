"""Answers as the lines of the HTTP stream (upstream-protocol.md 2.2, 2.3), one JSON object each.

Token lines are by far the most; what is the same in all of them is encoded once per answer.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from grokgate.sandbox.answer import (
    Answer,
    Cite,
    Film,
    Mark,
    Picture,
    PicturesFollow,
    Say,
    Snapshot,
    Step,
    Think,
    ToolResult,
    UseTool,
    citation_card,
    render_mark,
)
from grokgate.sandbox.lines import Line, Phase


class Frame(Struct, frozen=True, kw_only=True):
    """What an answer's lines say besides the answer."""

    conversation_id: str
    question_id: str
    answer_id: str
    question: str
    model: str
    model_hash: str
    temporary: bool
    opened_at: datetime
    asked_at: datetime
    answered_at: datetime
    steered: str = "grok-4"
    """The language model behind a mode, as the gateway tells it."""


def encode(answer: Answer, frame: Frame, *, nested: bool = False) -> Iterator[Line]:
    """Write *answer* line by line.

    Args:
        answer: Its steps are read once.
        frame: Ids, names and times.
        nested: Put the fields directly into ``result``, without ``response`` (2.2).
    """
    wrap = _Wrap(frame, nested=nested)
    yield from _lead(answer, frame, wrap)
    said: list[str] = []
    stopped = False
    for step in answer.steps:
        match step:
            case Say(text, stop):
                said.append(text)
                stopped = stopped or stop
                yield Line(Phase.STOP if stop else Phase.OUTPUT, wrap.token(text, stop=stop))
            case Snapshot(partial=partial):
                response = _model_response(frame, "".join(said), partial=partial)
                yield Line(Phase.OUTPUT, wrap.bare({"modelResponse": response}))
            case Mark():
                for piece in _mark_pieces(step):
                    said.append(piece)
                    yield Line(Phase.OUTPUT, wrap.token(piece, stop=False))
            case _:
                yield Line(Phase.OUTPUT, wrap.step(step))
    if answer.ends and not stopped:
        yield Line(Phase.STOP, wrap.token("", stop=True))
    yield from _tail(answer, frame, wrap, "".join(said))


class _Wrap:
    """Puts response fields into a line."""

    def __init__(self, frame: Frame, *, nested: bool) -> None:
        self._open, self._close = (b'{"result":{', b"}}") if nested else _RESPONSE
        own = b'"responseId":' + msgspec.json.encode(frame.answer_id)
        self._own = b"," + own + self._close
        before = self._open + b'"token":'
        self._before = before
        self._plain = b',"isThinking":false,"isSoftStop":false,"messageTag":"final"' + self._own
        self._stop = b',"isThinking":false,"isSoftStop":true,"messageTag":"final"' + self._own

    def token(self, text: str, *, stop: bool) -> bytes:
        return self._before + msgspec.json.encode(text) + (self._stop if stop else self._plain)

    def fields(self, fields: Mapping[str, Any]) -> bytes:
        """Wrap *fields* and add the answer's id."""
        return self._open + msgspec.json.encode(fields)[1:-1] + self._own

    def bare(self, fields: Mapping[str, Any]) -> bytes:
        """Wrap *fields* alone."""
        return self._open + msgspec.json.encode(fields)[1:-1] + self._close

    def step(self, step: Step) -> bytes:
        return self.fields(_fields(step))


def _lead(answer: Answer, frame: Frame, wrap: _Wrap) -> Iterator[Line]:
    yield Line(Phase.LEAD, msgspec.json.encode({"result": {"conversation": _conversation(frame)}}))
    layout = {"reasoningUiLayout": "SPLIT", "willThinkLong": False, "effort": answer.effort}
    for key, value in (
        ("userResponse", _user_response(frame)),
        ("uiLayout", layout),
        ("llmInfo", {"modelHash": frame.model_hash}),
    ):
        fields = {key: value, "isThinking": False, "isSoftStop": False}
        yield Line(Phase.LEAD, wrap.fields(fields))


def _tail(answer: Answer, frame: Frame, wrap: _Wrap, said: str) -> Iterator[Line]:
    message = said if answer.message is None else answer.message
    metadata = {
        "followUpSuggestions": [_follow_up(label) for label in answer.follow_ups],
        "feedbackLabels": [],
        "toolsUsed": {},
        "disclaimer": "",
    }
    response = {
        **_model_response(frame, message, partial=False),
        "generatedImageUrls": answer.images,
        "fileAttachments": answer.attachments,
    }
    yield Line(Phase.TAIL, wrap.fields({"finalMetadata": metadata}))
    yield Line(Phase.TAIL, wrap.bare({"modelResponse": response}))
    title = {"result": {"title": {"newTitle": answer.title}}}
    yield Line(Phase.TAIL, msgspec.json.encode(title))


def _fields(step: Step) -> dict[str, Any]:
    match step:
        case Think(text=text, tag=tag):
            return {"token": text, **_thinking(tag, step.step, step.agent)}
        case UseTool(card_id=card_id):
            return {
                "token": _tool_xml(step),
                **_thinking("tool_usage_card", step.step, step.agent),
                "toolUsageCardId": card_id,
                "toolUsageCard": {"toolUsageCardId": card_id, step.tool: {"args": step.args}},
            }
        case ToolResult(card_id=card_id, results=results):
            return {
                "token": "",
                **_thinking("raw_function_result", step.step, None),
                "toolUsageCardId": card_id,
                "webSearchResults": {"results": results},
            }
        case Cite():
            card = {"jsonData": _json(citation_card(step))}
            return {"cardAttachment": card, "isThinking": False}
        case PicturesFollow():
            return {"imageAttachmentInfo": {}, "isThinking": False}
        case Film(news=news):
            return {"streamingVideoGenerationResponse": news, "isThinking": False}
        case Picture():
            return {"streamingImageGenerationResponse": _progress(step), "isThinking": False}
        case _:
            raise TypeError(f"no line for {type(step).__name__}")


def _progress(picture: Picture) -> dict[str, Any]:
    progress = {
        "imageId": picture.id,
        "imageUrl": picture.url,
        "imageIndex": picture.index,
        "seq": picture.index,
        "progress": picture.progress,
        "moderated": picture.moderated,
    }
    return {**progress, "isFinal": True} if picture.progress == _DONE else progress


def _mark_pieces(mark: Mark) -> Iterator[str]:
    text = render_mark(mark.card_id, mark.number)
    size = mark.split or len(text)
    return (text[start : start + size] for start in range(0, len(text), size))


def _thinking(tag: str, step: int, agent: str | None) -> dict[str, Any]:
    fields = {"isThinking": True, "isSoftStop": False, "messageTag": tag, "messageStepId": step}
    return fields if agent is None else {**fields, "rolloutId": agent}


def _tool_xml(step: UseTool) -> str:
    arguments = _json({**step.args, **step.extra_args})
    return (
        f"<xai:tool_usage_card><xai:tool_usage_card_id>{step.card_id}</xai:tool_usage_card_id>"
        f"<xai:tool_name>{_XML_NAMES[step.tool]}</xai:tool_name>"
        f"<xai:tool_args><![CDATA[{arguments}]]></xai:tool_args></xai:tool_usage_card>"
    )


def _conversation(frame: Frame) -> dict[str, Any]:
    opened = stamp(frame.opened_at)
    return {
        "conversationId": frame.conversation_id,
        "title": "New conversation",
        "starred": False,
        "createTime": opened,
        "modifyTime": opened,
        "systemPromptName": "",
        "temporary": frame.temporary,
        "mediaTypes": [],
    }


def _user_response(frame: Frame) -> dict[str, Any]:
    return {
        "responseId": frame.question_id,
        "message": frame.question,
        "sender": "human",
        "createTime": stamp(frame.asked_at),
        **_COMMON,
        "model": frame.model,
        "isControl": False,
    }


def _model_response(frame: Frame, message: str, *, partial: bool) -> dict[str, Any]:
    return {
        "responseId": frame.answer_id,
        "message": message,
        "sender": "ASSISTANT",
        "createTime": stamp(frame.answered_at),
        "parentResponseId": frame.question_id,
        **_COMMON,
        "partial": partial,
        "cardAttachmentsJson": [],
        "fileUris": [],
        "fileAttachmentsMetadata": [],
        "isControl": False,
        "steps": [],
        "mediaTypes": [],
        "model": frame.model,
        "metadata": {"llm_info": {"modelHash": frame.model_hash}},
    }


def _follow_up(label: str) -> dict[str, Any]:
    properties = {"messageType": "BROAD_QUESTION", "followUpType": "SUGGESTION"}
    return {"label": label, "properties": properties}


def stamp(moment: datetime) -> str:
    """Write a time as the upstream does: UTC, milliseconds, ``Z``."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(content: object) -> str:
    return msgspec.json.encode(content).decode()


_RESPONSE = (b'{"result":{"response":{', b"}}}")
_COMMON: Mapping[str, Any] = {
    "manual": False,
    "partial": False,
    "shared": False,
    "query": "",
    "queryType": "",
    "webSearchResults": [],
    "xpostIds": [],
    "xposts": [],
    "generatedImageUrls": [],
    "imageAttachments": [],
    "fileAttachments": [],
}
_DONE = 100
_XML_NAMES: Mapping[str, str] = {"webSearch": "web_search", "chatroomSend": "chatroom_send"}
