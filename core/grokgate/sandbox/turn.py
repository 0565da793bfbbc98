"""What a chat call comes to, whichever way it was asked: checks, charge, answer.

`chat` asks for a turn with an HTTP call, `gateway` over a socket.
"""

import uuid
import zlib
from datetime import timedelta
from random import Random

from msgspec import Struct

from grokgate.sandbox.accounts import Account, StoredFile
from grokgate.sandbox.answer import Answer
from grokgate.sandbox.catalogue import Model, Protocol, allows
from grokgate.sandbox.directive import Directive, parse_prompt
from grokgate.sandbox.drawing import PICTURE_UNITS, subject_of
from grokgate.sandbox.encode_http import Frame
from grokgate.sandbox.faults import Action, ClockSkew
from grokgate.sandbox.inband import refuses
from grokgate.sandbox.request import Reply, invalid
from grokgate.sandbox.scenarios import Prompt, build_answer
from grokgate.sandbox.studio import Studio
from grokgate.sandbox.world import Visit


class Asked(Struct, frozen=True, kw_only=True):
    """A chat call without its wrapping."""

    message: str
    protocol: Protocol
    """Generation whose names it uses."""
    name: str
    """Model or mode."""
    mode: str | None = None
    """``modelMode``, where the name is a model's."""
    attachments: tuple[str, ...] = ()
    """Ids of files."""
    temporary: bool = False
    conversation_id: str | None = None
    """None: a new one."""


class Turn(Struct, frozen=True, kw_only=True):
    """A call that passed all checks."""

    asked: Asked
    model: Model
    files: tuple[StoredFile, ...]
    directive: Directive
    actions: tuple[Action, ...]
    """All that is done to the answer, by rules and by the prompt."""


class Exhausted(Struct, frozen=True):
    """The quota window of a call is empty."""


def check(visit: Visit, asked: Asked, actions: tuple[Action, ...]) -> Turn | Reply:
    """Look for the model and the files of a call, or say what is wrong with it.

    Raises:
        DirectiveError: The prompt asks the sandbox for something unknown.
    """
    world, exchange, account = visit.world, visit.exchange, visit.account
    exchange.model = asked.name
    files = _attached(account, asked.attachments)
    if files is None or not (asked.message.strip() or files):
        exchange.refusal = "invalid"
        return invalid("Attachment not found" if files is None else "Empty message")
    table = world.catalogue.tables[asked.protocol]
    foreign = asked.protocol != account.protocol and world.strict_generation
    model = None if foreign else table.find(asked.name, asked.mode)
    if model is None:
        return world.refuse(exchange, "unknown_model")
    if not allows(account.fixture.tier, model.tier):
        return world.refuse(exchange, "plan")
    if len(asked.message) > table.prompt_limit:
        return world.refuse(exchange, "too_long")
    directive = parse_prompt(asked.message)
    exchange.faults = actions = actions + directive.actions
    return Turn(asked=asked, model=model, files=files, directive=directive, actions=actions)


def begin(visit: Visit, turn: Turn) -> tuple[Answer, Frame] | Exhausted:
    """Make the answer and take its units.

    An answer that an action refuses before any output takes none.
    """
    random = visit.world.random(visit.account)
    answer = build_answer(_prompt(visit, turn, random), random)
    if not refuses(turn.actions) and not _charge(visit, turn):
        return Exhausted()
    return answer, frame_of(visit, turn.asked, turn.actions, random)


def _attached(account: Account, ids: tuple[str, ...]) -> tuple[StoredFile, ...] | None:
    """Return the files a call names; None when one is not the account's."""
    files = tuple(account.files[known] for known in ids if known in account.files)
    return files if len(files) == len(ids) else None


def _charge(visit: Visit, turn: Turn) -> bool:
    account, now = visit.account, visit.world.clock.epoch_s()
    window = account.window(turn.model.window, turn.asked.protocol)
    drawn = subject_of(turn.directive.text) is not None
    units = PICTURE_UNITS if drawn and turn.asked.protocol == "2026-02" else turn.model.units
    taken = account.take(window, units, now)
    if taken:
        visit.exchange.units += units
    return taken


def _prompt(visit: Visit, turn: Turn, random: Random) -> Prompt:
    return Prompt(
        text=turn.directive.text,
        options=turn.directive.options,
        style=turn.model.style,
        greets=not turn.directive.given,
        studio=Studio(visit.account, random=random, now=visit.world.clock.epoch_s()),
        actions=turn.actions,
        attachments=tuple(
            f"{file.name}, {file.mime}, {len(file.content)} bytes" for file in turn.files
        ),
    )


def frame_of(visit: Visit, asked: Asked, actions: tuple[Action, ...], random: Random) -> Frame:
    """Choose ids and times of an answer."""
    skew = next((action.seconds for action in actions if isinstance(action, ClockSkew)), 0)
    now = visit.world.clock.now() + timedelta(seconds=skew)
    return Frame(
        conversation_id=asked.conversation_id or _uuid(random),
        question_id=_uuid(random),
        answer_id=_uuid(random),
        question=asked.message,
        model=asked.name,
        model_hash=f"mh_{zlib.crc32(asked.name.encode()):08x}",
        temporary=asked.temporary,
        opened_at=now,
        asked_at=now + timedelta(milliseconds=18),
        answered_at=now + timedelta(milliseconds=36),
    )


def _uuid(random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))
