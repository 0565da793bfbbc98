"""Frames of server-sent events (`openai-contract.md` 1.3)."""

import msgspec

DONE = b"data: [DONE]\n\n"
"""End marker of chat and responses streams."""

_LINE_BREAKS = (
    (b"\xc2\x85", b"\\u0085"),
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
)


def frame(data: bytes, event: str | None = None) -> bytes:
    """Wrap *data*, JSON on one line, as a whole frame; *event* names it."""
    body = b"data: " + escape(data) + b"\n\n"
    return body if event is None else b"event: " + event.encode() + b"\n" + body


def escape(data: bytes) -> bytes:
    r"""Write U+0085, U+2028 and U+2029 inside JSON as ``\uXXXX``: some readers split on them."""
    if data.isascii():
        return data
    for raw, escaped in _LINE_BREAKS:
        data = data.replace(raw, escaped)
    return data


def encode_text(text: str) -> bytes:
    """Encode *text* as a JSON string fit for a frame; lone surrogates become question marks."""
    try:
        return escape(msgspec.json.encode(text))
    except UnicodeEncodeError:
        return escape(msgspec.json.encode(text.encode(errors="replace").decode()))
