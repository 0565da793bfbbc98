"""Calls as they come in: made up from a seed, or recorded, one JSON object a line.

A recorded call says when it came and how it went; everything but ``at_s`` has a default.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from grokgate.upstream import Kind, Tier

_TIERS: Final[tuple[tuple[Tier, ...], tuple[int, ...]]] = (("basic", "super", "heavy"), (70, 25, 5))
_KEYS = 4
_DEAREST = 0.2
"""Share of calls that cost four times as much."""
_LONG_S = 2.5
"""Logarithm of the usual duration in seconds, which is 12."""
_FAULTS = (
    Kind.FORBIDDEN,
    Kind.TIMEOUT,
    Kind.TRANSIENT,
    Kind.CONNECT,
    Kind.EMPTY,
    Kind.AUTH_FAIL,
    Kind.MODERATION,
)


class Arrival(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call."""

    at_s: Annotated[float, Meta(ge=0)]
    """Seconds since the first one."""
    key: str = "key1"
    """Whose call it was."""
    model: str = "model"
    tier: Tier = "basic"
    """Tier of the model: decides which pools may serve it, in the catalogue's order."""
    units: Annotated[int, Meta(ge=0, le=10_000)] = 1
    duration_s: Annotated[float, Meta(ge=0, le=86_400)] = 10.0
    outcome: Kind = Kind.OK
    """How its first attempt went; a refusal for lack of quota is decided anew."""


class BadArrival(ValueError):
    """A line that is not an arrival."""


def read_arrivals(path: Path) -> list[Arrival]:
    """Read recorded arrivals, in the order of their time; empty lines are passed over.

    Raises:
        BadArrival: A line cannot be read; names it.
    """
    found: list[Arrival] = []
    decoder = msgspec.json.Decoder(Arrival)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                found += [decoder.decode(line)] if line.strip() else []
            except msgspec.DecodeError as error:
                fault = "comments are not read" if line.lstrip().startswith(b"#") else str(error)
                raise BadArrival(f"{path}, line {number}: {fault}") from error
    return sorted(found, key=lambda arrival: arrival.at_s)


def made_up(rng: Random, *, rate: float, duration_s: float, faults: float) -> Iterator[Arrival]:
    """Make calls up: four keys, each with half the traffic of the one before; some calls are dear.

    Args:
        rng: Decides everything.
        rate: Calls per second, on average.
        duration_s: For how long.
        faults: Share of calls whose first attempt fails, 0 to 1.
    """
    weights = [2.0**-number for number in range(_KEYS)]
    at_s = rng.expovariate(rate)
    while at_s < duration_s:
        tier = rng.choices(*_TIERS)[0]
        dear = rng.random() < _DEAREST
        yield Arrival(
            at_s=at_s,
            key=f"key{1 + rng.choices(range(_KEYS), weights)[0]}",
            model=f"{tier}{'-thinking' if dear else ''}",
            tier=tier,
            units=4 if dear else 1,
            duration_s=rng.lognormvariate(_LONG_S, 0.8),
            outcome=rng.choice(_FAULTS) if rng.random() < faults else Kind.OK,
        )
        at_s += rng.expovariate(rate)
