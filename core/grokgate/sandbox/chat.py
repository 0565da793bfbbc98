"""``POST /rest/app-chat/conversations/new``: a model's answer, streamed (protocol section 2)."""

import msgspec
from msgspec import Struct

from grokgate.sandbox.directive import DirectiveError
from grokgate.sandbox.framing import USAGE_LIMIT
from grokgate.sandbox.media import generate
from grokgate.sandbox.pacing import hold_back
from grokgate.sandbox.refusals import refused
from grokgate.sandbox.request import Answered, Reply, invalid
from grokgate.sandbox.routes import Route
from grokgate.sandbox.streaming import stream_of
from grokgate.sandbox.turn import Asked, Exhausted, begin, check
from grokgate.sandbox.world import Visit


class ChatBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The fields of a chat call that the sandbox reads; the others may hold anything."""

    message: str = ""
    model_name: str | None = None
    model_mode: str | None = None
    mode_id: str | None = None
    file_attachments: list[str] = []
    image_attachments: list[str] = []
    temporary: bool = False


def peek(body: bytes) -> tuple[str | None, str]:
    """Return model name and prompt of a chat call for rules; nothing of a broken one."""
    try:
        call = msgspec.json.decode(body, type=ChatBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, ""
    return call.mode_id or call.model_name, call.message


async def converse(visit: Visit) -> Answered:
    """Answer a chat call, or say what is wrong with it; some of them order pictures or videos."""
    if (made := await generate(visit)) is not None:
        return made
    if visit.account.protocol == "2026-08" and visit.world.strict_generation:
        return visit.world.refuse(visit.exchange, "not_found")
    try:
        call = msgspec.json.decode(visit.request.body, type=ChatBody)
        return await answer(visit, asked_of(visit, call))
    except (msgspec.DecodeError, UnicodeDecodeError, DirectiveError) as error:
        visit.exchange.refusal = "invalid"
        return invalid(f"Invalid request: {error}")


def asked_of(visit: Visit, call: ChatBody, *, conversation_id: str | None = None) -> Asked:
    """Tell which generation's names a call uses: a mode is a later one's."""
    by_mode = call.mode_id is not None
    name = call.mode_id if by_mode else call.model_name
    return Asked(
        message=call.message,
        protocol=visit.account.modes_protocol if by_mode else "2026-02",
        name=name or "",
        mode=None if by_mode else call.model_mode,
        attachments=(*call.file_attachments, *call.image_attachments),
        temporary=call.temporary,
        conversation_id=conversation_id,
    )


async def answer(visit: Visit, asked: Asked) -> Answered:
    """Answer what was asked with a stream.

    Raises:
        DirectiveError: The prompt asks the sandbox for something unknown.
    """
    world = visit.world
    turn = check(visit, asked, visit.actions)
    if isinstance(turn, Reply):
        return turn
    if (reply := refused(world, turn.directive.actions)) is not None:
        return reply
    await hold_back(turn.directive.actions)
    begun = begin(visit, turn)
    if isinstance(begun, Exhausted):
        return exhausted(visit)
    built, frame = begun
    visit.account.remember(frame.conversation_id, frame.answer_id)
    delay_ms = turn.directive.options.delay_ms
    return stream_of(world, built, frame, turn.actions, delay_ms=delay_ms)


def exhausted(visit: Visit) -> Reply:
    """Tell, as the account would have it, that the quota window is empty."""
    if visit.account.fixture.exhausted == "http":
        return visit.world.refuse(visit.exchange, "rate_limited")
    visit.exchange.refusal = "usage_limit"
    return Reply(body=USAGE_LIMIT + b"\n")


ROUTES = (
    Route(
        "chat",
        "POST",
        "/rest/app-chat/conversations/new",
        converse,
        referers=("/", "/imagine", "/imagine/post/*"),
    ),
)
