"""Lines on their way to the wire: slipped-in faults, wrapping, cuts, compression.

A chain of iterators, in this order, each left out when no action asks for it::

    lines → in-band error → odd lines → framed pieces → cut → compressed pieces
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from grokgate.sandbox.encode_http import Line, Phase
from grokgate.sandbox.faults import (
    Action,
    AntiBot,
    Cut,
    ErrorAfter200,
    Framing,
    Malformed,
    Oversize,
    Place,
    RateLimit,
)
from grokgate.sandbox.request import AbruptClose

USAGE_LIMIT = (
    b'{"result":{"response":{"error":'
    b'{"message":"You\'ve reached your usage limit for this model."}}}}'
)


class InBand(Struct, frozen=True):
    """An error line and where it ends the answer."""

    line: bytes
    place: Place


def framed(lines: Iterator[Line], actions: tuple[Action, ...]) -> Iterator[bytes]:
    """Turn *lines* into pieces as *actions* have it; a piece is one line with its ending.

    Raises, while iterated:
        AbruptClose: A cut asks for a reset, and its point is reached.
    """
    framing = Framing()
    cut: Cut | None = None
    for action in actions:
        match action:
            case Framing():
                framing = action
            case Cut():
                cut = action
            case Malformed(form=form, at=at):
                lines = _slipped_in(lines, _ODD[form], at)
            case Oversize(mib=mib, at=at):
                lines = _slipped_in(lines, (_oversized(mib),), at)
            case _ if (error := in_band(action)) is not None:
                lines = _interrupted(lines, error)
            case _:
                pass
    pieces = _FORMS[framing.form](line.data for line in lines)
    if cut is not None:
        pieces = _cut(pieces, cut)
    return pieces if framing.encoding == "identity" else _compressed(pieces, framing.encoding)


def in_band(action: Action) -> InBand | None:
    """Return the error line of an action that fails after status 200."""
    match action:
        case AntiBot(place="in_band"):
            return InBand(_error_line("object", 7), "start")
        case RateLimit(place="in_band"):
            return InBand(_error_line("object", 8), "start")
        case RateLimit(place="text"):
            return InBand(USAGE_LIMIT, "start")
        case RateLimit(place="late"):
            return InBand(_error_line("stream_errors", 8), "middle")
        case ErrorAfter200(form=form, place=place, code=code):
            return InBand(_error_line(form, code), place)
        case _:
            return None


_ErrorForm: TypeAlias = Literal["object", "response", "stream_errors", "model_response"]


def _error_line(form: _ErrorForm, code: int) -> bytes:
    error = {"code": code, "message": _MESSAGES[code], "details": []}
    match form:
        case "object":
            return msgspec.json.encode({"error": error})
        case "response":
            return msgspec.json.encode({"result": {"response": {"error": error}}})
        case "stream_errors":
            response: dict[str, object] = {"message": "", "streamErrors": [{"error": error}]}
        case "model_response":
            response = {"message": "", "error": _MESSAGES[code]}
    return msgspec.json.encode({"result": {"response": {"modelResponse": response}}})


def _interrupted(lines: Iterable[Line], error: InBand) -> Iterator[Line]:
    """End the answer with an error line at its place."""
    ending = Line(Phase.TAIL, error.line)
    for line in lines:
        if error.place == "end" and line.phase in (Phase.STOP, Phase.TAIL):
            break
        yield line
        if error.place == "start" or (error.place == "middle" and line.phase is Phase.OUTPUT):
            break
    yield ending


def _slipped_in(lines: Iterable[Line], odd: Iterable[bytes], at: int) -> Iterator[Line]:
    """Put *odd* lines after the first *at* lines, or at the end of a shorter answer."""
    count = 0
    for line in lines:
        if count == at:
            yield from (Line(Phase.OUTPUT, data) for data in odd)
        count += 1
        yield line
    if count <= at:
        yield from (Line(Phase.TAIL, data) for data in odd)


def _oversized(mib: int) -> bytes:
    """Write an object of over *mib* MiB with a field that readers skip."""
    padding = b"0" * (mib * 1024 * 1024)
    return b'{"result":{"response":{"progressReport":"' + padding + b'"}}}'


def _cut(pieces: Iterable[bytes], cut: Cut) -> Iterator[bytes]:
    """Stop after ``cut.lines`` pieces and ``cut.bytes`` bytes; a shorter answer stays whole."""
    left = cut.bytes
    for count, piece in enumerate(pieces):
        if count < cut.lines:
            yield piece
            continue
        if left >= len(piece):
            left -= len(piece)
            yield piece
            continue
        if left:
            yield piece[:left]
        if cut.mode == "reset":
            raise AbruptClose("cut")
        return


def _compressed(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Compress so that every piece can be read as soon as it has arrived."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | (16 if encoding == "gzip" else 0))
    for piece in pieces:
        yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


def _plain(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line + b"\n" for line in lines)


def _data(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (b"data: " + line + b"\n\n" for line in lines)


def _event(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (b"event: message\ndata: " + line + b"\n\n" for line in lines)


def _crlf(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line + b"\r\n" for line in lines)


def _blank(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (b"\n" + line + b"\n\n" for line in lines)


def _glued(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Leave out every other line end, so that two objects share a line."""
    return (line + (b"\n" if index % 2 else b"") for index, line in enumerate(lines))


def _done(lines: Iterable[bytes]) -> Iterator[bytes]:
    yield from _data(lines)
    yield b"data: [DONE]\n"


def _no_newline(lines: Iterable[bytes]) -> Iterator[bytes]:
    """End the last line without its newline."""
    kept: bytes | None = None
    for line in lines:
        if kept is not None:
            yield kept + b"\n"
        kept = line
    if kept is not None:
        yield kept


_FORMS: Mapping[str, Callable[[Iterable[bytes]], Iterator[bytes]]] = {
    "plain": _plain,
    "data": _data,
    "event": _event,
    "glued": _glued,
    "crlf": _crlf,
    "blank": _blank,
    "done": _done,
    "no_newline": _no_newline,
}
_ODD: Mapping[str, tuple[bytes, ...]] = {
    "junk": (b"this is no JSON",),
    "truncated": (b'{"result":{"response":{"token":"lost',),
    "utf8": (b'{"result":{"response":{"progressReport":"\xff\xfe"}}}',),
    "types": (
        b'{"result":{"response":{"token":["lost"],"isThinking":false}}}',
        b'{"result":{"response":{"token":"","isThinking":"no","messageStepId":"x"}}}',
        b'{"result":{"response":[]}}',
        b'{"result":7}',
        b"[1,2,3]",
    ),
    "duplicate_keys": (
        b'{"result":{"response":{"token":"","token":"","isThinking":false,"isThinking":false}}}',
    ),
}
_MESSAGES: Mapping[int, str] = {
    7: "Request rejected by anti-bot rules.",
    8: "Too many requests",
    13: "Internal error",
    14: "Service unavailable",
    16: "Unauthenticated",
}
