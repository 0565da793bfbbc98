"""A session on the gateway socket, event by event (protocol 2.12).

```text
opened ── session.create ──▶ session ── conversation.item.create ──▶ asked ── response.create ─┐
                                ▲                                                              │
                                └────────────────────── answer ◀───────────────────────────────┘
```

Anything out of order is told as an ``error`` event, and changes nothing.
"""

import asyncio
import uuid
from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from grokgate.sandbox.directive import DirectiveError
from grokgate.sandbox.encode_gateway import Envelope, encode
from grokgate.sandbox.faults import Action, Cut, Pace, SessionEnded, WsDrop, WsOrder
from grokgate.sandbox.frames import error_event, error_events, spoilt
from grokgate.sandbox.gateway_events import ClientEvent, ClientMessage, Session, WrongEvent
from grokgate.sandbox.inband import InBand
from grokgate.sandbox.lines import Line, Phase
from grokgate.sandbox.pacing import hold_back, stall
from grokgate.sandbox.refusals import refused
from grokgate.sandbox.request import Reply, invalid
from grokgate.sandbox.rules import Call
from grokgate.sandbox.socket import DROPPED, Socket
from grokgate.sandbox.turn import Asked, Exhausted, Turn, begin, check
from grokgate.sandbox.world import Visit

Inbox: TypeAlias = "asyncio.Queue[ClientMessage | WrongEvent]"
"""What the client said, in order."""


class Dialogue:
    """One session, from its creation on."""

    def __init__(self, visit: Visit, socket: Socket) -> None:
        self._visit = visit
        self._socket = socket
        self._session: Session | None = None
        self._id = ""
        self._wrap = Envelope("")
        self._item: ClientEvent | None = None
        self._turns = 0

    async def follow(self, inbox: Inbox) -> None:
        """Answer what comes in until cancelled, or the socket closes."""
        while True:
            message = await inbox.get()
            try:
                await self._take(message)
            except WrongEvent as wrong:
                await self._refuse("invalid_envelope", str(wrong))
            except DirectiveError as error:
                await self._tell(invalid(str(error)))

    async def _take(self, message: ClientMessage | WrongEvent) -> None:
        if isinstance(message, WrongEvent):
            raise message
        event = message.event
        if not event.event_id:
            raise WrongEvent("event_id is required")
        if self._session is None:
            await self._open(message)
            return
        if message.session_id != self._id:
            raise WrongEvent("session_id does not match")
        match event.type:
            case "conversation.item.create":
                await self._ask(event)
            case "response.create" if self._item is not None:
                item, self._item = self._item, None
                await self._answer(item, self._session)
            case "response.create":
                raise WrongEvent("nothing to respond to")
            case _:
                raise WrongEvent(f"unknown event {event.type}")

    async def _open(self, message: ClientMessage) -> None:
        event, session = message.event, message.event.session
        if event.type != "session.create" or session is None:
            raise WrongEvent("session is required")
        known = session.x_grok.conversation_id
        if known is not None and known not in self._visit.account.conversations:
            await self._refuse(_NOT_FOUND, "Conversation not found")
            return
        if known != message.session_id:
            raise WrongEvent("session_id does not match")
        self._id = known or _session_id(self._visit)
        self._session, self._wrap = session, Envelope(self._id)
        for frame in self._opening(event, is_new=known is None):
            await self._write(frame)

    def _opening(self, event: ClientEvent, *, is_new: bool) -> Iterator[bytes]:
        form = next((a.form for a in self._visit.actions if isinstance(a, WsOrder)), "")
        asked_by = "evt_of_someone_else" if form == "foreign_event" else event.event_id
        created = self._wrap.event(
            "session.created", {"event_id": "se_1", "client_event_id": asked_by}
        )
        attached_to = (
            _session_id(self._visit, "other") if form == "other_conversation" else self._id
        )
        conversation = {"id": attached_to, "object": "realtime.conversation"}
        attached = self._wrap.event(
            "conversation.attached",
            {"conversation": conversation, "mode": "new" if is_new else "existing"},
        )
        if form == "unknown_event":
            yield self._wrap.event("session.weather", {"outlook": "fair"})
        if form == "binary":
            yield b""
        capable = event.session is not None and event.session.is_attached
        frames = (created, attached) if capable else (created,)
        yield from reversed(frames) if form == "attached_first" else frames

    async def _ask(self, event: ClientEvent) -> None:
        if event.item is None:
            raise WrongEvent("item is required")
        parent = event.parent_response_id
        last = self._visit.account.conversations.get(self._id)
        if parent is not None and parent != last:
            await self._refuse(_NOT_FOUND, "Parent response not found")
            return
        self._item = event
        item = {"item": {"id": str(uuid.uuid5(_NAMES, event.event_id)), "role": "user"}}
        await self._write(self._wrap.event("conversation.item.added", item))

    async def _answer(self, event: ClientEvent, session: Session) -> None:
        visit = self._visit
        actions = self._actions(event, session)
        self._turns += 1
        visit.exchange.complete = False
        reply = self._unmentioned(event) or self._refused(actions)
        turn = reply or self._turn(event, session, actions)
        if isinstance(turn, Turn):
            turn = self._refused(turn.directive.actions) or turn
        if isinstance(turn, Reply):
            await self._tell(turn)
            return
        await hold_back(turn.actions)
        begun = begin(visit, turn)
        if isinstance(begun, Exhausted):
            await self._exhausted()
            return
        answer, frame = begun
        lines = encode(answer, frame, chunks=session.x_grok.use_chunk)
        wrap = Envelope(self._id, frame.answer_id)
        await self._send(spoilt(lines, turn.actions, wrap), turn)
        visit.account.remember(self._id, frame.answer_id)
        visit.exchange.complete = True

    def _actions(self, event: ClientEvent, session: Session) -> tuple[Action, ...]:
        """Return what rules do to this answer: those of the handshake, or those of the prompt."""
        visit, first = self._visit, self._turns == 0
        if first and visit.actions:
            return visit.actions
        call = Call(
            endpoint=visit.exchange.endpoint,
            account=visit.account.token,
            model=session.model,
            prompt=event.text,
        )
        return visit.world.rules.match(call, by_content=True if first else None)

    def _turn(
        self, event: ClientEvent, session: Session, actions: tuple[Action, ...]
    ) -> Turn | Reply:
        asked = Asked(
            message=event.text,
            protocol=self._visit.account.modes_protocol,
            name=session.model,
            attachments=tuple(event.file_attachment_ids),
            temporary=session.x_grok.is_temporary,
            conversation_id=self._id,
        )
        return check(self._visit, asked, actions)

    def _unmentioned(self, event: ClientEvent) -> Reply | None:
        """Refuse, when strict, files that are not named in all three places."""
        if not self._visit.world.strict or event.names_files_alike:
            return None
        self._visit.exchange.refusal = "invalid"
        return invalid("Attachment is not mentioned")

    def _refused(self, actions: tuple[Action, ...]) -> Reply | None:
        return refused(self._visit.world, actions)

    async def _send(self, lines: Iterator[Line], turn: Turn) -> None:
        """Send an answer at its pace, as far as the socket is to live."""
        pace = next((a for a in turn.actions if isinstance(a, Pace)), Pace())
        ended = next((a.when for a in turn.actions if isinstance(a, SessionEnded)), None)
        end = _end_of(turn.actions)
        gap_ms = pace.gap_ms if pace.gap_ms is not None else turn.directive.options.delay_ms
        gap_s = self._visit.world.gap_s if gap_ms is None else gap_ms / 1_000
        if ended == "before":
            await self._end_session()
        for count, line in enumerate(lines):
            if count == end[0]:
                await self._socket.close(end[1])
            if pace.stall == "line" and count == pace.lines:
                await stall()
            await asyncio.sleep(gap_s if count else 0)
            await self._write(line.data)
            if ended == "during" and line.phase is Phase.OUTPUT:
                await self._end_session()
        if ended == "after":
            await self._end_session()
        if pace.stall == "line":
            await stall()

    async def _end_session(self) -> None:
        await self._write(self._wrap.event("session.ended", {"reason": "idle"}))
        await self._socket.close()

    async def _tell(self, reply: Reply) -> None:
        """Tell as an event what over HTTP is a refusal."""
        code, message = _words(reply)
        await self._refuse(code, message)

    async def _exhausted(self) -> None:
        if self._visit.account.fixture.exhausted == "http":
            await self._tell(self._visit.world.refuse(self._visit.exchange, "rate_limited"))
            return
        self._visit.exchange.refusal = "usage_limit"
        error = InBand(form="usage_limit", code=8, place="start")
        for frame in error_events(error, Envelope(self._id, str(uuid.uuid4()))):
            await self._write(frame)

    async def _refuse(self, code: int | str, message: str) -> None:
        self._visit.exchange.refusal = self._visit.exchange.refusal or "invalid"
        await self._write(error_event(self._wrap, code, message))

    async def _write(self, frame: bytes) -> None:
        if frame:
            await self._socket.write_text(frame.decode())
        else:
            await self._socket.write_bytes(_BINARY)


def _end_of(actions: tuple[Action, ...]) -> tuple[int, int]:
    """Return after how many frames the socket is closed, and with which code; -1: never."""
    for action in actions:
        match action:
            case WsDrop(frames=frames, code=code):
                return frames, code
            case Cut(lines=lines, mode=mode):
                return lines, 1000 if mode == "clean" else DROPPED
            case _:
                pass
    return -1, 0


def _words(reply: Reply) -> tuple[int | str, str]:
    """Read code and message out of a refusal's body, in whichever of its shapes (12.1)."""
    try:
        body = msgspec.json.decode(reply.body, type=dict[str, object])
    except msgspec.DecodeError:
        return _CODES.get(reply.status, 13), "Request failed"
    inner = body.get("error")
    told = inner if isinstance(inner, dict) else body
    code = told.get("code")
    message = told.get("message") or told.get("error") or ""
    return (code if isinstance(code, int | str) else 13), str(message)


def _session_id(visit: Visit, salt: str = "") -> str:
    return str(uuid.uuid5(_NAMES, f"{visit.world.seed}/{visit.exchange.number}/{salt}"))


_NOT_FOUND = 5
_NAMES = uuid.UUID("6f1f0c1e-5a0b-4c62-9f43-2f0a6b0f3a11")
_BINARY = b"\x00\xff\x00\xff"
_CODES = {401: 16, 403: 7, 404: 5, 429: 8, 503: 14}
