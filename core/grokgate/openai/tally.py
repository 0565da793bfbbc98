"""What the work in progress has used so far, noted by whoever knows it and read at its end.

Each downstream request, turn over a socket and background job has a `Tally` of its own, which
whatever runs inside finds by itself. Nobody has to hand it on, so that plugins need not know it.
"""

from contextvars import ContextVar
from typing import Final

from msgspec import Struct

_MODEL_CHARS: Final = 100
_CURRENT: Final[ContextVar["Tally | None"]] = ContextVar("tally", default=None)


class Tally(Struct, kw_only=True):
    """What was used; used from one event loop. Holds neither prompts nor answers."""

    request_id: str
    model: str = ""
    """Id of the last model called; empty: none was."""
    asked: str = ""
    """Model that was asked for and is not to be had, printable; at most 100 characters."""
    token: str | None = None
    """Short id of the last account tried."""
    error: str | None = None
    """Code with which the last call failed; None: it did not."""
    attempts: int = 0
    units: int = 0
    """Charged to accounts."""
    outputs: int = 0
    input: int | None = None
    """Text units; None: nobody counted."""
    output: int = 0
    reasoning: int = 0
    estimated: bool = False


class tallying:  # noqa: N801 - reads as a verb where it is entered; a generator would cost more
    """Have what runs inside note its use in *tally*."""

    __slots__ = ("_before", "_tally")

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def __enter__(self) -> None:
        self._before = _CURRENT.set(self._tally)

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._before)


def current_tally() -> Tally | None:
    """Return that of the work in progress; None: it is nobody's request."""
    return _CURRENT.get()


def note_refused_model(model: str) -> None:
    """Note a model that was asked for and is not to be had, as the client wrote it."""
    tally = _CURRENT.get()
    if tally is not None:
        tally.asked = "".join(
            char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"
            for char in model[:_MODEL_CHARS]
        )


def note_usage(*, input: int, output: int, reasoning: int, estimated: bool) -> None:  # noqa: A002 - the word of the contract
    """Note the text units of a reply; the last ones noted count."""
    tally = _CURRENT.get()
    if tally is not None:
        tally.input, tally.output = input, output
        tally.reasoning, tally.estimated = reasoning, estimated
