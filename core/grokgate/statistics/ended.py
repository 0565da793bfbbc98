"""A request that has ended, and its row of the request log."""

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct

from grokgate.openai.ids import new_id
from grokgate.openai.tally import Tally
from grokgate.plugin.records import Caller
from grokgate.storage.requests import RequestRow


class Ended(Struct, frozen=True, kw_only=True, gc=False):
    """What whoever served a request knows at its end."""

    endpoint: str
    """Method and path template; never a path as the client wrote it."""
    status: int
    """499: the client left before the end."""
    seconds: float
    error: str | None = None
    """Code."""
    address: str = ""
    first_byte_s: float | None = None
    caller: Caller | None = None
    """None: nobody was let in."""
    stream: bool = False
    traceparent: str | None = None
    """The client's header of that name."""


Note: TypeAlias = Callable[[Ended, Tally], None]
"""Takes note of a request that has ended; never waits and never fails."""


def row_of(ended: Ended, tally: Tally, *, at_ms: int) -> RequestRow:
    """Make the row; *at_ms* is the time of the end."""
    caller, first_byte_s = ended.caller, ended.first_byte_s
    return RequestRow(
        id=new_id(f"{at_ms:013d}-"),
        request_id=tally.request_id,
        at_ms=at_ms,
        address=ended.address,
        endpoint=ended.endpoint,
        model=tally.model or tally.asked,
        status=ended.status,
        error=ended.error,
        duration_ms=round(ended.seconds * 1000),
        first_byte_ms=None if first_byte_s is None else round(first_byte_s * 1000),
        key_id=caller.key_id if caller is not None else "",
        key_name=caller.name if caller is not None else "",
        token=tally.token,
        attempts=tally.attempts,
        units=tally.units,
        usage=_usage(tally),
        stream=ended.stream,
    )


def _usage(tally: Tally) -> dict[str, Any]:
    usage: dict[str, Any] = {}
    if tally.input is not None:
        usage = {
            "input": tally.input,
            "output": tally.output,
            "reasoning": tally.reasoning,
            "estimated": tally.estimated,
        }
    if tally.outputs:
        usage["outputs"] = tally.outputs
    return usage
