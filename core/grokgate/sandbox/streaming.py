"""Answers of the HTTP calls as streams: the pace, wrapping and faults that actions ask for."""

from grokgate.sandbox.answer import Answer
from grokgate.sandbox.encode_http import Frame, encode
from grokgate.sandbox.faults import Action, Framing, Nested, Pace
from grokgate.sandbox.framing import framed
from grokgate.sandbox.request import Stream
from grokgate.sandbox.world import World


def stream_of(
    world: World,
    answer: Answer,
    frame: Frame,
    actions: tuple[Action, ...],
    *,
    delay_ms: float | None,
) -> Stream:
    """Write *answer* as a stream of lines.

    Args:
        world: Knows the usual pace.
        answer: Its steps are read while it is sent.
        frame: Ids, names and times.
        actions: What befalls it.
        delay_ms: Between lines, as a directive has it; None: the usual pace.
    """
    pace = next((action for action in actions if isinstance(action, Pace)), Pace())
    framing = next((action for action in actions if isinstance(action, Framing)), Framing())
    nested = any(isinstance(action, Nested) for action in actions)
    encoded = framing.encoding != "identity"
    gap_ms = pace.gap_ms if pace.gap_ms is not None else delay_ms
    return Stream(
        pieces=framed(encode(answer, frame, nested=nested), actions),
        headers={"content-encoding": framing.encoding} if encoded else {},
        gap_s=world.gap_s if gap_ms is None else gap_ms / 1_000,
        stall_at=pace.lines if pace.stall == "line" else None,
        chunk_bytes=framing.chunk_bytes or answer.chunk_bytes,
    )
