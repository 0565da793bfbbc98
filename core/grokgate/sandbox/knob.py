"""The base of the knobs, and the words they share.

A knob is one entry of upstream-protocol.md 10.5 with its parameters. `Knob.expected` states the
class and the stage that a correct driver must observe; the driver's tests compare with it.
Positions in an answer count lines: the stock answers of this sandbox begin with `LEAD` lines that
carry no output, one token per line follows.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from grokgate.sandbox.expectation import UNHARMED, Expectation

LEAD = 4
"""Lines of every stock answer before its first output."""
LINE_CAP_MIB = 8
"""Size of an object beyond which a driver must give up (upstream-protocol.md 2.2)."""
FRAME_CAP_MIB = 16
"""The same of a frame on the gateway socket (upstream-protocol.md 2.12)."""

Count: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000)]
Millis: TypeAlias = Annotated[float, Meta(ge=0, le=600_000)]
Place: TypeAlias = Literal["start", "middle", "end"]
"""Of an in-band error: after the first line, after the first output, before the end mark."""


class Knob(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="knob"):
    """Base of the actions; a tagged union, so that rules can be written as JSON."""

    @property
    def expected(self) -> Expectation:
        """What a driver must report of a call over HTTP that only this action spoilt."""
        return UNHARMED

    @property
    def over_socket(self) -> Expectation:
        """The same of a call over the gateway socket, where it is told in other ways."""
        return self.expected
