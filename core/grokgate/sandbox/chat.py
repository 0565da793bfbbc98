"""``POST /rest/app-chat/conversations/new``: a model's answer, streamed (protocol section 2)."""

import uuid
import zlib
from datetime import timedelta
from random import Random

import msgspec
from msgspec import Struct

from grokgate.sandbox.accounts import Account, StoredFile
from grokgate.sandbox.answer import Answer
from grokgate.sandbox.catalogue import Model, Protocol, allows
from grokgate.sandbox.directive import Directive, DirectiveError, parse_prompt
from grokgate.sandbox.encode_http import Frame, encode
from grokgate.sandbox.faults import Action, Framing, Nested, Pace
from grokgate.sandbox.framing import USAGE_LIMIT, framed, in_band
from grokgate.sandbox.pacing import hold_back
from grokgate.sandbox.refusals import refused
from grokgate.sandbox.request import Answered, Reply, Stream, invalid
from grokgate.sandbox.scenarios import Prompt, build_answer
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
    """Answer a chat call, or say what is wrong with it."""
    try:
        call = msgspec.json.decode(visit.request.body, type=ChatBody)
        return await _answer(visit, call, parse_prompt(call.message))
    except (msgspec.DecodeError, UnicodeDecodeError, DirectiveError) as error:
        visit.exchange.refusal = "invalid"
        return invalid(f"Invalid request: {error}")


async def _answer(visit: Visit, call: ChatBody, directive: Directive) -> Answered:
    world, exchange, account = visit.world, visit.exchange, visit.account
    exchange.model = call.model_name if call.mode_id is None else call.mode_id
    files = _attached(account, call)
    if files is None or not (call.message.strip() or files):
        exchange.refusal = "invalid"
        return invalid("Attachment not found" if files is None else "Empty message")
    protocol, model = _model(visit, call)
    if model is None:
        return world.refuse(exchange, "unknown_model")
    if not allows(account.fixture.tier, model.tier):
        return world.refuse(exchange, "plan")
    if len(call.message) > world.catalogue.tables[protocol].prompt_limit:
        return world.refuse(exchange, "too_long")
    exchange.faults = actions = visit.actions + directive.actions
    if (reply := refused(world, directive.actions)) is not None:
        return reply
    await hold_back(directive.actions)
    random = world.random(account)
    answer = build_answer(_prompt(directive, model, files), random)
    if (empty := _charge(visit, model, protocol, actions)) is not None:
        return empty
    frame = _frame(visit, call, model, random)
    return _stream(visit, answer, frame, actions, delay_ms=directive.options.delay_ms)


def _attached(account: Account, call: ChatBody) -> list[StoredFile] | None:
    """Return the files a call names; None when one is not the account's."""
    ids = [*call.file_attachments, *call.image_attachments]
    files = [account.files[known] for known in ids if known in account.files]
    return files if len(files) == len(ids) else None


def _model(visit: Visit, call: ChatBody) -> tuple[Protocol, Model | None]:
    """Find the model in the catalogue of the generation that the call belongs to."""
    world, own = visit.world, visit.account.protocol
    spoken: Protocol = "2026-02" if call.mode_id is None else "2026-04"
    if spoken != own and world.strict_generation:
        return own, None
    name = call.model_name if call.mode_id is None else call.mode_id
    mode = call.model_mode if spoken == "2026-02" else None
    return spoken, world.catalogue.tables[spoken].find(name or "", mode)


def _charge(
    visit: Visit, model: Model, protocol: Protocol, actions: tuple[Action, ...]
) -> Reply | None:
    """Take the units of an answer that begins now; an empty window is told instead of it.

    An answer that an action refuses in-band takes nothing.
    """
    if any(error.place == "start" for action in actions if (error := in_band(action))):
        return None
    account, now = visit.account, visit.world.clock.epoch_s()
    if account.take(account.window(model.window, protocol), model.units, now):
        visit.exchange.units = model.units
        return None
    if account.fixture.exhausted == "http":
        return visit.world.refuse(visit.exchange, "rate_limited")
    visit.exchange.refusal = "usage_limit"
    return Reply(body=USAGE_LIMIT + b"\n")


def _prompt(directive: Directive, model: Model, files: list[StoredFile]) -> Prompt:
    return Prompt(
        text=directive.text,
        options=directive.options,
        style=model.style,
        greets=not directive.given,
        attachments=tuple(f"{file.name}, {file.mime}, {len(file.content)} bytes" for file in files),
    )


def _frame(visit: Visit, call: ChatBody, model: Model, random: Random) -> Frame:
    now = visit.world.clock.now()
    return Frame(
        conversation_id=_uuid(random),
        question_id=_uuid(random),
        answer_id=_uuid(random),
        question=call.message,
        model=model.name,
        model_hash=f"mh_{zlib.crc32(model.name.encode()):08x}",
        temporary=call.temporary,
        opened_at=now,
        asked_at=now + timedelta(milliseconds=18),
        answered_at=now + timedelta(milliseconds=36),
    )


def _uuid(random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _stream(
    visit: Visit,
    answer: Answer,
    frame: Frame,
    actions: tuple[Action, ...],
    *,
    delay_ms: float | None,
) -> Stream:
    pace = next((action for action in actions if isinstance(action, Pace)), Pace())
    framing = next((action for action in actions if isinstance(action, Framing)), Framing())
    nested = any(isinstance(action, Nested) for action in actions)
    encoded = framing.encoding != "identity"
    gap_ms = pace.gap_ms if pace.gap_ms is not None else delay_ms
    return Stream(
        pieces=framed(encode(answer, frame, nested=nested), actions),
        headers={"content-encoding": framing.encoding} if encoded else {},
        gap_s=visit.world.gap_s if gap_ms is None else gap_ms / 1_000,
        stall_at=pace.lines if pace.stall == "line" else None,
        chunk_bytes=framing.chunk_bytes or answer.chunk_bytes,
    )
