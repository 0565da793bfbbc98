"""Turns over a WebSocket: a message becomes a turn, its events become messages."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias

import anyio
import msgspec
from anyio.lowlevel import checkpoint
from msgspec import structs

from grokgate.errors import GatewayError, InvalidRequest
from grokgate.openai import estimate_prompt
from grokgate.plugin import Caller, PluginContext, Rights, load_attachments
from grokgate.upstream import Finished
from grokgate_responses.answer.encode import Emitted
from grokgate_responses.answer.reply import Reply
from grokgate_responses.asking import Asking, read_request
from grokgate_responses.kept.keeper_types import Keeper
from grokgate_responses.kept.memory import ConnectionKeeper
from grokgate_responses.opening import named
from grokgate_responses.request.schema import ResponsesRequest
from grokgate_responses.request.storing import kept
from grokgate_responses.request.translate import conversation, sources
from grokgate_responses.settings import ResponsesSettings
from grokgate_responses.turn import CLOSE_S, Turn

Write: TypeAlias = Callable[[bytes], Awaitable[None]]

CREATE: Final = "response.create"
_EVENTS_PER_TURN: Final = 16
"""Events after which other tasks run, however fast the client takes them."""
_PASSED_OVER: Final = frozenset({"type", "generate", "stream", "stream_options"})
_NO_INPUT: Final = ({"type": "compaction_trigger"},)
"""An input without effect: a client that only warms the connection up may have none yet."""


class SocketTurns:
    """The turns of one connection, one at a time.

    Args:
        ctx: Of the plugin.
        keeper: What the connection remembers.
        write: Sends one message.
        rights: What its client may do.
    """

    def __init__(
        self,
        ctx: PluginContext[ResponsesSettings],
        keeper: ConnectionKeeper,
        write: Write,
        rights: Rights,
    ) -> None:
        self._ctx = ctx
        self._keeper = keeper
        self._write = write
        self._rights = rights
        self._read = rights.reader(ResponsesRequest)
        self._turn: Turn | None = None
        """The one under way, once it has begun."""
        self._previous: str | None = None
        """What it continues."""

    async def answer(self, message: bytes) -> None:
        """Do what *message* asks for; returns when it is done.

        Raises:
            GatewayError: Nothing of it was answered.
        """
        fields = _fields(message)
        async with self._rights.turn() as turn:
            try:
                await turn.run(partial(self._create, fields, turn.caller))
            except GatewayError as error:
                self._keeper.drop(self._previous)
                await self._break_off(error)
            finally:
                self._turn = self._previous = None

    async def _create(self, fields: dict[str, msgspec.Raw], caller: Caller) -> None:
        generates = _generates(fields)
        request = self._request(fields)
        if not generates and not request.input:
            request = structs.replace(request, input=list(_NO_INPUT))
        self._previous = request.previous_response_id
        asking = await read_request(self._ctx, caller, request, self._keeper)
        if generates:
            await self._generate(asking, caller)
            return
        for emitted in await warmed_up(self._ctx, caller, asking, self._keeper):
            await self._write(emitted.body)

    async def _generate(self, asking: Asking, caller: Caller) -> None:
        turn = await Turn.open(
            self._ctx, caller, asking.asked, asking.history, self._keeper, streamed=True
        )
        self._turn = turn
        try:
            sent = 0
            async for emitted in turn.events():
                await self._write(emitted.body)
                sent += 1
                if sent % _EVENTS_PER_TURN == 0:
                    await checkpoint()
            turn.end()
        finally:
            with anyio.move_on_after(CLOSE_S, shield=True):
                await turn.aclose()

    async def _break_off(self, error: GatewayError) -> None:
        """Tell why a turn ended: by its own events, once it has begun.

        Raises:
            GatewayError: It has not begun.
        """
        if self._turn is None:
            raise error
        for emitted in self._turn.broken(error):
            await self._write(emitted.body)

    def _request(self, fields: dict[str, msgspec.Raw]) -> ResponsesRequest:
        kept_fields = {name: fields[name] for name in fields if name not in _PASSED_OVER}
        request = self._read(msgspec.json.encode(kept_fields))
        if request.background:
            raise InvalidRequest(
                "Responses in the background are not possible over a WebSocket.",
                code="unsupported_value",
                param="background",
            )
        return request


async def warmed_up(
    ctx: PluginContext[Any], caller: Caller, asking: Asking, keeper: Keeper
) -> list[Emitted]:
    """Take a turn's input without asking the model: its answer is empty, and can be continued.

    Raises:
        GatewayError: An attachment cannot be used, or nothing can be kept.
    """
    asked, history, owner = asking.asked, asking.history, caller.key_id
    blobs = await load_attachments(sources(asked), ctx, caller, param="input")
    prompt = conversation(asked, history, blobs)
    now = int(ctx.clock.now().timestamp())
    reply = Reply(
        asked,
        id=asked.ids.response_id,
        created_at=now,
        input_units=estimate_prompt(prompt) + asked.wanted.units,
        previous=asked.request.previous_response_id,
    )
    events = reply.begin()
    is_stored = asked.request.is_stored
    events += reply.finish(Finished(), further_input=0, stored=is_stored, completed_at=now)
    items, contents = await kept(asked, blobs)
    is_kept = await keeper.keep(
        reply.response(),
        history=history,
        items=items,
        blobs=contents,
        affinity=named(prompt, history, owner).name,
        owner=owner,
    )
    if is_stored and not is_kept:
        events[-1] = reply.unstored()
    return events


def _fields(message: bytes) -> dict[str, msgspec.Raw]:
    """Return the fields of a message that asks for a turn.

    Raises:
        InvalidRequest: ``invalid_json``, or ``unknown_event_type``.
    """
    try:
        fields = msgspec.json.decode(message, type=dict[str, msgspec.Raw])
        kind = msgspec.json.decode(fields["type"]) if "type" in fields else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("The message is not a JSON object.", code="invalid_json") from None
    if kind != CREATE:
        raise InvalidRequest(
            f"Unknown event type; this connection takes '{CREATE}'.",
            code="unknown_event_type",
            param="type",
        )
    return fields


def _generates(fields: dict[str, msgspec.Raw]) -> bool:
    """Read ``generate``; it is true unless it is false."""
    return "generate" not in fields or bytes(fields["generate"]) != b"false"
