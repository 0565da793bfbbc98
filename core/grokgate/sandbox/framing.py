"""Lines on their way to the wire: slipped-in faults, wrapping, cuts, compression.

A chain of iterators, in this order, each left out when no action asks for it::

    lines → in-band error → odd lines → framed pieces → cut → compressed pieces
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module

import msgspec

from grokgate.sandbox.answer import picture_card
from grokgate.sandbox.faults import (
    Action,
    Cut,
    Framing,
    Malformed,
    Oversize,
)
from grokgate.sandbox.inband import InBand, in_band, limit_card
from grokgate.sandbox.lines import Line, interrupted, slipped_in
from grokgate.sandbox.request import AbruptClose

USAGE_LIMIT = (
    b'{"result":{"response":{"error":'
    b'{"message":"You\'ve reached your usage limit for this model."}}}}'
)


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
                lines = slipped_in(lines, _ODD[form], at)
            case Oversize(mib=mib, at=at):
                lines = slipped_in(lines, (_oversized(mib),), at)
            case _ if (error := in_band(action)) is not None:
                lines = interrupted(lines, error_lines(error), error.place)
            case _:
                pass
    pieces = _FORMS[framing.form](line.data for line in lines)
    if cut is not None:
        pieces = _cut(pieces, cut)
    return pieces if framing.encoding == "identity" else _compressed(pieces, framing.encoding)


def error_lines(error: InBand) -> tuple[bytes, ...]:
    """Write the lines that tell an error."""
    told = {"code": error.code, "message": error.message, "details": []}
    match error.form:
        case "usage_limit":
            return (USAGE_LIMIT,)
        case "object" | "anti_bot":
            return (msgspec.json.encode({"error": told}),)
        case "response":
            return (_response(error=told),)
        case "stream_errors":
            return (_response(modelResponse={"message": "", "streamErrors": [{"error": told}]}),)
        case "model_response":
            return (_response(modelResponse={"message": "", "error": error.message}),)
        case "card":
            text = msgspec.json.encode(picture_card(limit_card())).decode()
            end = {"message": "", "generatedImageUrls": []}
            return _response(cardAttachment={"jsonData": text}), _response(modelResponse=end)


def _response(**fields: object) -> bytes:
    return msgspec.json.encode({"result": {"response": fields}})


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
    match encoding:
        case "br":
            yield from _brotli(pieces)
        case "zstd":
            yield from _zstandard(pieces)
        case _:
            packer = zlib.compressobj(wbits=zlib.MAX_WBITS | (16 if encoding == "gzip" else 0))
            for piece in pieces:
                yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
            yield packer.flush()


# The two packages are no dependencies: only who asks for these encodings needs them.


def _brotli(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = import_module("brotli").Compressor(quality=5)
    for piece in pieces:
        yield packer.process(piece) + packer.flush()
    yield packer.finish()


def _zstandard(pieces: Iterable[bytes]) -> Iterator[bytes]:
    library = import_module("zstandard")
    packer = library.ZstdCompressor().compressobj()
    for piece in pieces:
        yield packer.compress(piece) + packer.flush(library.COMPRESSOBJ_FLUSH_BLOCK)
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
