"""``WS /ws/mgw/``: the gateway socket, over which the third generation chats (protocol 2.12).

One task reads, and answers pings even in mid-answer; another follows the conversation.
"""

import asyncio

from grokgate.sandbox.dialogue import Dialogue, Inbox
from grokgate.sandbox.encode_gateway import Envelope
from grokgate.sandbox.faults import Action, AntiBot, WsSilence
from grokgate.sandbox.gateway_events import WrongEvent, decode
from grokgate.sandbox.pacing import stall
from grokgate.sandbox.request import Reply, invalid
from grokgate.sandbox.routes import G3, SocketRoute
from grokgate.sandbox.socket import Socket, SocketClosed, enqueue
from grokgate.sandbox.world import Visit


def check_handshake(visit: Visit) -> Reply | None:
    """Refuse a strict sandbox's handshake that names another user than the session's."""
    named = (visit.request.query.get("uid"), visit.request.cookies.get("x-userid"))
    if not visit.world.strict or set(named) == {visit.account.user_id}:
        return None
    visit.exchange.refusal = "invalid"
    return invalid("Wrong uid")


async def converse(visit: Visit, socket: Socket) -> None:
    """Follow the client's events until either side closes the socket."""
    inbox: Inbox = asyncio.Queue(_INBOX)
    reading = asyncio.create_task(_read(socket, inbox, pings=_answers_pings(visit.actions)))
    try:
        if _is_silent(visit.actions):
            await stall()
        await Dialogue(visit, socket).follow(inbox)
    finally:
        reading.cancel()


async def _read(socket: Socket, inbox: Inbox, *, pings: bool) -> None:
    """Put what the client says into *inbox*; ends when the socket closes."""
    try:
        while True:
            message = decode(await socket.read())
            if isinstance(message, WrongEvent) or message.event.type != "ping":
                await enqueue(socket, inbox, message)
            elif pings:
                pong = Envelope(message.session_id or "").event(
                    "pong", {"client_event_id": message.event.event_id}
                )
                await socket.write_text(pong.decode())
    except SocketClosed:
        return


def _is_silent(actions: tuple[Action, ...]) -> bool:
    return any(
        isinstance(action, WsSilence) or (isinstance(action, AntiBot) and action.place == "silent")
        for action in actions
    )


def _answers_pings(actions: tuple[Action, ...]) -> bool:
    """Tell whether a socket is alive, if only to pings."""
    if not _is_silent(actions):
        return True
    return any(isinstance(action, WsSilence) and action.pings for action in actions)


_INBOX = 64
"""Events of the client that may wait."""

ROUTES = (SocketRoute("chat", "/ws/mgw/", converse, check=check_handshake, protocols=G3),)
