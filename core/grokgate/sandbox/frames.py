"""Answers on their way to a socket: in-band errors, odd frames, oversize, cuts.

The counterpart of `framing`, whose forms and compressions frames do not have.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from grokgate.sandbox.answer import picture_card
from grokgate.sandbox.encode_gateway import Envelope, write_card
from grokgate.sandbox.faults import Action, Malformed, Oversize
from grokgate.sandbox.inband import InBand, in_band, limit_card
from grokgate.sandbox.lines import Line, interrupted, slipped_in


def spoilt(lines: Iterator[Line], actions: tuple[Action, ...], wrap: Envelope) -> Iterator[Line]:
    """Change *lines* as *actions* have it."""
    for action in actions:
        match action:
            case Malformed(form=form, at=at):
                lines = slipped_in(lines, _odd(wrap)[form], at)
            case Oversize(mib=mib, at=at):
                lines = slipped_in(lines, (_oversized(wrap, mib),), at)
            case _ if (error := in_band(action)) is not None:
                lines = interrupted(lines, error_events(error, wrap), error.place)
            case _:
                pass
    return lines


def error_events(error: InBand, wrap: Envelope) -> tuple[bytes, ...]:
    """Write the events that tell an error."""
    match error.form:
        case "object":
            return (error_event(wrap, error.code, error.message),)
        case "anti_bot":
            return (error_event(wrap, "anti_bot", error.message),)
        case "response":
            return (_stream_error(wrap, error),)
        case "model_response":
            return (_failed(wrap, error.message),)
        case "card":
            response = {"id": wrap.response_id, "status": "completed", "usage": {}}
            done = wrap.event("response.done", {"response": response})
            return write_card(wrap, picture_card(limit_card())), done
        case "usage_limit" | "stream_errors":
            return (_stream_error(wrap, error), _failed(wrap, "stream_error"))


def error_event(wrap: Envelope, code: int | str, message: str) -> bytes:
    """Write the event ``error``."""
    return wrap.event("error", {"error": {"code": code, "message": message}})


def _stream_error(wrap: Envelope, error: InBand) -> bytes:
    limited = error.form == "usage_limit"
    content: dict[str, Any] = {
        "kind": "usage_limit_reached" if limited else "stream_error",
        "message": "You have reached your usage limit." if limited else error.message,
        "severity": "error",
        "details": {"reason": "quota" if error.code == _QUOTA else "error"},
        "code": error.code,
    }
    return wrap.event("response.grok.output", {"output": {"stream_error": content}})


def _failed(wrap: Envelope, reason: str) -> bytes:
    details = {"reason": reason}
    response = {"id": wrap.response_id, "status": "failed", "status_details": details}
    return wrap.event("response.done", {"response": response})


def _oversized(wrap: Envelope, mib: int) -> bytes:
    """Write an event of over *mib* MiB that readers skip."""
    return wrap.event("response.content_part.added", {"padding": "0" * (mib * 1024 * 1024)})


def _odd(wrap: Envelope) -> Mapping[str, Iterable[bytes]]:
    text = {"text": ["lost"], "channel": "CHANNEL_ASSISTANT_RESPONSE"}
    return {
        "junk": (b"this is no JSON",),
        "truncated": (wrap.event("response.chunk", {"chunk": {"text": {"text": "lost"}}})[:-9],),
        # An unpaired surrogate: text frames have no other way to be no Unicode.
        "utf8": (wrap.event("response.chunk").replace(b"}}", b',"progress":"\\ud800"}}'),),
        "types": (
            wrap.event("response.chunk", {"chunk": {"text": text}}),
            wrap.event("response.chunk", {"chunk": {"text": "lost"}}),
            wrap.event("response.chunk", {"chunk": []}),
            b'{"event":7}',
            b"[1,2,3]",
        ),
        "duplicate_keys": (
            wrap.event("response.chunk").replace(
                b"}}",
                b',"chunk":{"text":{"text":"","channel":"CHANNEL_ASSISTANT_RESPONSE"}},'
                b'"chunk":{"text":{"text":"","text":"","channel":"CHANNEL_ASSISTANT_RESPONSE"}}}}',
            ),
        ),
    }


_QUOTA = 8
