"""Background turns as streams: what was said already, then what is still to come."""

from collections.abc import AsyncGenerator, Iterable
from typing import Final

import anyio
from msgspec import structs

from grokgate.errors import GatewayError, InvalidRequest
from grokgate.openai import DONE, ErrorDetail
from grokgate.plugin import EventStream, PluginContext
from grokgate_responses.answer.echo import error_code
from grokgate_responses.answer.encode import Emitted, encoded, to_frame
from grokgate_responses.answer.events import ErrorOccurred, ResponseFailed
from grokgate_responses.answer.objects import ResponseError, ResponseObject
from grokgate_responses.kept.background import goes_on, is_under_way
from grokgate_responses.kept.keeper import StoredTurns
from grokgate_responses.kept.recording import Recording, interrupted
from grokgate_responses.kept.records import Record, events_gone
from grokgate_responses.settings import ResponsesSettings

_LOOK_S: Final = 0.5
"""Between two looks at what another process has kept."""


def followed(
    ctx: PluginContext[ResponsesSettings], recording: Recording, *, after: int = -1
) -> EventStream:
    """Stream what a turn said after event *after*, and what it goes on to say.

    Raises:
        InvalidRequest: Some of that is not recorded any more.
    """
    recording.recorded().after(after)
    events = recording.follow(after)
    return _stream(ctx, events, recording.response(), after=after, ends_itself=True)


async def replayed(
    ctx: PluginContext[ResponsesSettings], record: Record, *, after: int, owner: str
) -> EventStream:
    """Stream what a turn that nobody reads in this process said after event *after*.

    Raises:
        InvalidRequest: It was not made in the background, or that is not recorded any more.
        StoreUnavailable: Nothing can be read.
    """
    response = record.response
    if not response.background:
        raise InvalidRequest(
            "Only a response made in the background can be streamed.",
            code="unsupported_value",
            param="stream",
        )
    if is_under_way(record):
        events = _from_elsewhere(ctx, response.id, after=after, owner=owner)
        return _stream(ctx, events, response, after=after)
    recorded = await StoredTurns(ctx).events(response.id, owner=owner)
    if recorded is None:
        raise events_gone()
    events = _each(recorded.after(after), is_whole=recorded.is_whole)
    return _stream(ctx, events, response, after=after)


async def _from_elsewhere(
    ctx: PluginContext[ResponsesSettings], response_id: str, *, after: int, owner: str
) -> AsyncGenerator[Emitted, None]:
    """Yield the events of a turn as another process, which reads it, keeps them."""
    turns, told = StoredTurns(ctx), after
    while True:
        is_over = not await goes_on(ctx, response_id, owner=owner, watching=True)
        recorded = await turns.events(response_id, owner=owner)
        if recorded is not None:
            for emitted in recorded.after(told):
                told += 1
                yield emitted
            if recorded.is_whole:
                return
        if is_over:
            raise interrupted()
        await anyio.sleep(_LOOK_S)


def _stream(
    ctx: PluginContext[ResponsesSettings],
    events: AsyncGenerator[Emitted, None],
    response: ResponseObject,
    *,
    after: int,
    ends_itself: bool = False,
) -> EventStream:
    writer = _Writer(response, after)
    return EventStream(
        events,
        writer.frames,
        failure=writer.failure,
        keepalive_s=ctx.shared.grok.sse_keepalive_sec,
        terminator=DONE,
        ends_itself=ends_itself,
    )


async def _each(events: Iterable[Emitted], *, is_whole: bool) -> AsyncGenerator[Emitted, None]:
    for emitted in events:
        yield emitted
    if not is_whole:
        raise interrupted()


class _Writer:
    """Renders events, and the end of a stream that cannot go on though its turn may."""

    def __init__(self, response: ResponseObject, after: int) -> None:
        self._response = response
        self._next = after + 1

    def frames(self, emitted: Emitted) -> Iterable[bytes]:
        self._next += 1
        return (to_frame(emitted),)

    def failure(self, error: GatewayError) -> Iterable[bytes]:
        detail = ErrorDetail(
            type=error.type, code=error.code, message=error.message, param=error.param
        )
        said = ErrorOccurred(
            sequence_number=self._next,
            code=error.code,
            message=error.message,
            param=error.param,
            error=detail,
        )
        told = ResponseError(code=error_code(error), message=error.message)
        failed = ResponseFailed(
            sequence_number=self._next + 1,
            response=structs.replace(self._response, status="failed", error=told),
        )
        return (to_frame(encoded(said)), to_frame(encoded(failed)))
