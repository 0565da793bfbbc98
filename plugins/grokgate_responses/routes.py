"""``POST /v1/responses``: a request's way from HTTP to a turn, and the answer's way back."""

from collections.abc import Iterable
from typing import Any

from litestar import Request, Response, post
from litestar.params import JSONBody

from grokgate.errors import GatewayError
from grokgate.openai import DONE
from grokgate.plugin import Ctx, CurrentCaller, EventStream, patiently
from grokgate_responses.answer.encode import Emitted, to_frame
from grokgate_responses.answer.events import ResponseEvent
from grokgate_responses.answer.objects import ResponseObject
from grokgate_responses.asking import read_request
from grokgate_responses.kept.background import start
from grokgate_responses.kept.keeper import StoredTurns
from grokgate_responses.kept.replay import followed
from grokgate_responses.request.schema import ResponsesRequest
from grokgate_responses.settings import ResponsesSettings
from grokgate_responses.turn import Turn


@post(
    "/v1/responses",
    status_code=200,
    summary="Answer a conversation, and keep it for continuation.",
    opt={"event": ResponseEvent},
)
async def create_response(
    ctx: Ctx[ResponsesSettings],
    caller: CurrentCaller,
    data: JSONBody[ResponsesRequest],
    request: Request[Any, Any, Any],
) -> ResponseObject | Response[ResponseObject] | EventStream:
    """Answer a conversation: whole, streamed, or in the background."""
    keeper = StoredTurns(ctx)
    asking = await read_request(ctx, caller, data, keeper)
    asked, history = asking.asked, asking.history
    _tell_ignored(request, asked.ignored)
    if data.background:
        recording = await start(ctx, caller, asked, history)
        return followed(ctx, recording) if data.stream else await recording.accepted()
    turn = await Turn.open(ctx, caller, asked, history, keeper, streamed=bool(data.stream))
    if data.stream:
        return _stream(turn, keepalive_s=ctx.shared.grok.sse_keepalive_sec)
    reply = await patiently(turn.complete, ctx.shared.grok)
    if isinstance(reply, EventStream):
        return reply
    return Response(reply, headers=turn.headers)


def _tell_ignored(request: Request[Any, Any, Any], paths: tuple[str, ...]) -> None:
    """Add *paths* to what ``x-grokgate-ignored`` names."""
    state = request.scope["state"]
    state["ignored"] = (*state.get("ignored", ()), *paths)


def _stream(turn: Turn, *, keepalive_s: float) -> EventStream:
    return EventStream(
        turn,
        _frames,
        finish=turn.end,
        failure=lambda error: _broken(turn, error),
        keepalive_s=keepalive_s,
        terminator=DONE,
        headers=turn.headers,
    )


def _frames(event: Emitted) -> Iterable[bytes]:
    return (to_frame(event),)


def _broken(turn: Turn, error: GatewayError) -> Iterable[bytes]:
    return [to_frame(event) for event in turn.broken(error)]
