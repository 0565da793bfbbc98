"""``WS /ws/imagine/listen``: pictures over a socket (upstream-protocol.md 6.2 to 6.4).

The oldest generation sends pictures alone (v1); later ones want a reset first, and put a status
frame before and after each picture (v2). Per picture, with its length in base64 characters::

    start (v2) → preview, PNG → medium, PNG → final, JPEG → completed (v2)

A prompt may set these lengths, the pace and the order by a directive line.
"""

import asyncio
import contextlib

import msgspec
from msgspec import Struct

from grokgate.sandbox.accounts import QuotaWindow
from grokgate.sandbox.directive import Directive, DirectiveError, Options, parse_prompt
from grokgate.sandbox.fate import fate_of
from grokgate.sandbox.faults import Action
from grokgate.sandbox.faults_media import ImagineError, Moderation
from grokgate.sandbox.faults_socket import WsDrop, WsSilence
from grokgate.sandbox.imagine_frames import Slot, interleaved, sequential
from grokgate.sandbox.pacing import hold_back
from grokgate.sandbox.routes import SocketRoute
from grokgate.sandbox.rules import Call
from grokgate.sandbox.socket import Socket, SocketClosed, enqueue
from grokgate.sandbox.studio import Studio
from grokgate.sandbox.world import Visit

ROUND, PRO_ROUND = 6, 4
"""Pictures of a request that names no number."""
MOST = 10
"""Pictures one request may name."""


class Properties(Struct, frozen=True, kw_only=True):
    """How the pictures shall be."""

    aspect_ratio: str = "2:3"
    enable_nsfw: bool = False
    enable_pro: bool = False
    num_generations: int | None = None


class Content(Struct, frozen=True, kw_only=True):
    """A piece of a client message; wire names stand in both spellings."""

    type: str
    request_id: str = msgspec.field(default="", name="requestId")
    text: str = ""
    properties: Properties = Properties()


class Item(Struct, frozen=True, kw_only=True):
    """What a client message creates."""

    type: str
    content: list[Content]


class ClientMessage(Struct, frozen=True, kw_only=True):
    """One message of the client."""

    type: str
    item: Item


class Unwanted(Exception):
    """A request that is answered with an error message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def listen(visit: Visit, socket: Socket) -> None:
    """Answer request after request until the client leaves."""
    if any(isinstance(action, WsSilence) for action in visit.actions):
        while True:
            await socket.read()
    messages: asyncio.Queue[str | bytes] = asyncio.Queue(maxsize=_WAITING)
    reading = asyncio.create_task(_read(socket, messages))
    try:
        await _converse(visit, socket, messages)
    finally:
        reading.cancel()


async def _read(socket: Socket, messages: asyncio.Queue[str | bytes]) -> None:
    """Read on while pictures are sent, so that a client that leaves is noticed."""
    with contextlib.suppress(SocketClosed):
        while True:
            await enqueue(socket, messages, await socket.read())


async def _converse(visit: Visit, socket: Socket, messages: asyncio.Queue[str | bytes]) -> None:
    reset = False
    while True:
        try:
            content = _content(await messages.get())
            if content.type == "reset":
                reset = True
                continue
            if visit.world.strict and _has_status(visit) and not reset:
                raise Unwanted("invalid_request", "reset is required")
            await _generate(visit, socket, content)
        except Unwanted as problem:
            visit.exchange.refusal = problem.code
            await socket.write({"type": "error", "err_code": problem.code, "err_msg": str(problem)})


def _content(message: str | bytes) -> Content:
    """Take a client message apart; the last text of several pieces is the prompt."""
    try:
        call = msgspec.json.decode(message, type=ClientMessage)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unwanted("invalid_request", f"Invalid message: {error}") from error
    pieces = [piece for piece in call.item.content if piece.type in _PIECES]
    if call.type != "conversation.item.create" or call.item.type != "message" or not pieces:
        raise Unwanted("invalid_request", "Unknown message")
    return pieces[-1]


async def _generate(visit: Visit, socket: Socket, content: Content) -> None:
    wanted = content.properties
    if not content.request_id or not content.text.strip():
        raise Unwanted("invalid_request", "requestId and text are required")
    if wanted.aspect_ratio not in _ratios(visit):
        raise Unwanted("invalid_request", "Unknown aspect ratio")
    directive = _directive(content.text)
    actions = _actions(visit, directive)
    visit.exchange.faults = actions
    await hold_back(actions)
    for action in actions:
        if isinstance(action, ImagineError):
            raise Unwanted(action.code, _MESSAGES[action.code])
    count = _count(visit, wanted)
    _charge(visit, wanted, count)
    actions += _ungranted(visit, wanted)
    studio = Studio.of(visit)
    slots = [
        Slot(
            order=order,
            picture_id=studio.new_id(),
            request_id=content.request_id,
            ratio=wanted.aspect_ratio,
            fate=fate_of(order, actions),
        )
        for order in range(count)
    ]
    await _send(visit, socket, slots, directive.options, studio)


async def _send(
    visit: Visit, socket: Socket, slots: list[Slot], options: Options, studio: Studio
) -> None:
    """Send the frames of all pictures at their pace; a finished one is published."""
    order = interleaved if options.interleave else sequential
    gap_s = visit.world.gap_s if options.delay_ms is None else options.delay_ms / 1_000
    frames = order(
        slots,
        sizes=(options.preview_chars, options.medium_chars, options.final_chars),
        with_status=_has_status(visit),
        origin=visit.request.origin,
        studio=studio,
    )
    drop = next((action for action in visit.exchange.faults if isinstance(action, WsDrop)), None)
    for number, frame in enumerate(frames):
        if drop is not None and number == drop.frames:
            await socket.close(drop.code)
        await asyncio.sleep(gap_s if number else 0)
        await socket.write(frame)


def _directive(text: str) -> Directive:
    try:
        return parse_prompt(text)
    except DirectiveError as error:
        raise Unwanted("invalid_request", str(error)) from error


def _actions(visit: Visit, directive: Directive) -> tuple[Action, ...]:
    """Collect what befalls a request: by the handshake, by its prompt, by its directive."""
    call = Call(endpoint="imagine", account=visit.account.token, prompt=directive.text)
    return visit.actions + visit.world.rules.match(call, by_content=True) + directive.actions


def _ungranted(visit: Visit, wanted: Properties) -> tuple[Action, ...]:
    """Withhold everything when an account asks for what its preference does not allow."""
    if not wanted.enable_nsfw or visit.account.nsfw_enabled:
        return ()
    match visit.account.fixture.nsfw.ungranted:
        case "ignore":
            return ()
        case "moderate":
            return (Moderation(style="flag"),)
        case "block":
            return (Moderation(style="medium_no_final"),)


def _count(visit: Visit, wanted: Properties) -> int:
    """Return how many pictures are made; older generations choose by themselves."""
    named = wanted.num_generations if visit.account.protocol == "2026-08" else None
    if named is None:
        return PRO_ROUND if wanted.enable_pro else ROUND
    if not 1 <= named <= MOST:
        raise Unwanted("invalid_request", "num_generations is out of range")
    return named


def _charge(visit: Visit, wanted: Properties, count: int) -> None:
    """Take a unit per request, in older generations one per picture."""
    units = 1 if visit.account.protocol == "2026-08" else count
    window = _window(visit, wanted)
    if window is None or not visit.account.take(window, units, visit.world.clock.epoch_s()):
        raise Unwanted("rate_limit_exceeded", _MESSAGES["rate_limit_exceeded"])
    visit.exchange.units += units


def _window(visit: Visit, wanted: Properties) -> QuotaWindow | None:
    """Return the window of the product if it is offered, else that of the better one."""
    offered = visit.account.imagine
    own = None if wanted.enable_pro else offered.get("image")
    return own or offered.get("image_pro")


def _has_status(visit: Visit) -> bool:
    return visit.account.protocol != "2026-02"


def _ratios(visit: Visit) -> tuple[str, ...]:
    known = visit.account.protocol == "2026-08" or not visit.world.strict_generation
    return _RATIOS + _LATER_RATIOS if known else _RATIOS


ROUTES = (SocketRoute("imagine", "/ws/imagine/listen", listen),)
_WAITING = 64
"""Messages that may wait while pictures are sent."""
_PIECES = ("reset", "input_text", "input_scroll")
_RATIOS = ("1:1", "2:3", "3:2", "9:16", "16:9")
_LATER_RATIOS = ("auto", "4:3", "3:4", "2:1", "1:2", "19.5:9", "9:19.5", "20:9", "9:20")
_MESSAGES = {
    "rate_limit_exceeded": "Rate limit exceeded, please try again later",
    "unauthorized": "Unauthorized",
    "internal_error": "Internal error",
}
