"""How a video of a length and sharpness is made, and on whose accounts (F-VID-02). Pure.

What a model offers stands in the limits of its wire; those that begin with ``super_`` say what
accounts of that plan may besides:

====================================== =========================================================
``seconds``, ``super_seconds``         lengths that one call makes
``resolutions``, ``super_resolutions`` the first one is the usual one
``upscaled``                           resolutions that are got by having the usual one sharpened
``extension``                          true: a video can be continued
====================================== =========================================================
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from grokgate.errors import InvalidRequest
from grokgate.plugin.records import Offer
from grokgate.upstream import Tier

LONGEST_S: Final = 15
"""Of a video that is asked for without naming one of the lengths that are made in rounds."""
_ROUNDS: Final[Mapping[int, tuple[int, ...]]] = {
    12: (6, 6),
    16: (10, 6),
    20: (10, 10),
    30: (10, 10, 10),
}
"""Lengths that are made by continuing, where no single call makes them."""


class Plan(Struct, frozen=True, kw_only=True):
    """One way to make a video."""

    lengths: tuple[int, ...]
    """Seconds of each call to the upstream; from the second on they continue the first."""
    resolution: str | None = None
    """None: the upstream's own choice."""
    upscale: bool = False
    """It is sharpened in the end."""
    tier: Tier | None = None
    """Lowest tier of account that can do it; None: the model's."""

    @property
    def seconds(self) -> int:
        """Length of the whole video."""
        return sum(self.lengths)


class Length(Struct, frozen=True, kw_only=True):
    """A length and sharpness as they are wanted, with the fields they came in."""

    seconds: int
    resolution: str | None
    seconds_param: str = "seconds"
    resolution_param: str = "resolution_name"


class _Reach(Struct, frozen=True, kw_only=True):
    """What accounts of one level can do."""

    lengths: tuple[int, ...]
    resolutions: tuple[str, ...]
    upscaled: tuple[str, ...] = ()
    rounds: bool
    tier: Tier | None = None

    def plan(self, wanted: Length) -> Plan | None:
        """Return how they make it; None: they cannot."""
        lengths, sharpness = self.made_of(wanted.seconds), self.sharpness(wanted.resolution)
        if lengths is None or sharpness is None:
            return None
        resolution, upscale = sharpness
        return Plan(lengths=lengths, resolution=resolution, upscale=upscale, tier=self.tier)

    def sharpness(self, wanted: str | None) -> tuple[str | None, bool] | None:
        """Return the resolution to ask for, and whether it is sharpened then; None: neither."""
        usual = self.resolutions[0] if self.resolutions else wanted
        resolution = wanted or usual
        if resolution in self.upscaled:
            return usual, True
        return (resolution, False) if resolution in (*self.resolutions, usual) else None

    def made_of(self, seconds: int) -> tuple[int, ...] | None:
        """Return the calls that make a length, or else one that makes the nearest to it."""
        rounds = _ROUNDS.get(seconds, ())
        if seconds in self.lengths or not self.lengths:
            return (seconds,)
        if rounds and self.rounds and set(rounds) <= set(self.lengths):
            return rounds
        return (_nearest(seconds, self.lengths),) if seconds <= LONGEST_S else None


def plans(wanted: Length, offer: Offer, *, rounds: bool) -> tuple[Plan, ...]:
    """Return the ways to make a video, best first; never empty.

    Args:
        wanted: Checked by `check_length`.
        offer: Of the model.
        rounds: Whether the operator lets videos be continued (``grok.video_extension``).

    Raises:
        InvalidRequest: ``unsupported_value``.
    """
    reaches = _reaches(offer, rounds=rounds)
    found = [plan for reach in reaches if (plan := reach.plan(wanted)) is not None]
    if not found:
        too_long = all(reach.made_of(wanted.seconds) is None for reach in reaches)
        raise _unsupported(wanted.seconds_param if too_long else wanted.resolution_param)
    best, plain = found[0], found[-1]
    if (best.lengths, best.resolution) == (plain.lengths, plain.resolution) and not plain.upscale:
        return (plain,)
    return tuple(found)


def check_length(seconds: int, *, param: str) -> None:
    """Refuse a number of seconds that nobody ever makes.

    Raises:
        InvalidRequest: ``integer_below_min_value`` or ``integer_above_max_value``.
    """
    if seconds < 1:
        raise InvalidRequest(
            f"'{param}' must be at least 1.", code="integer_below_min_value", param=param
        )
    if seconds > LONGEST_S and seconds not in _ROUNDS:
        raise InvalidRequest(
            f"'{param}' must be 1 to {LONGEST_S}, or 16, 20 or 30.",
            code="integer_above_max_value",
            param=param,
        )


def may_continue(offer: Offer) -> bool:
    """Tell whether videos of a model can be continued."""
    return offer.limits.get("extension") is True


def continuation(wanted: Length, offer: Offer, before: Plan) -> Plan:
    """Return how the account that made a video by the plan *before* adds to it.

    Args:
        wanted: To be added; the nearest length that one call makes is taken, and the resolution
            of the finished video where none is named.
        offer: Of a model whose videos may be continued.
        before: Of the finished video.

    Raises:
        InvalidRequest: ``unsupported_value``: the account cannot do that resolution.
    """
    reach = next(reach for reach in _reaches(offer, rounds=False) if reach.tier == before.tier)
    seconds = _nearest(wanted.seconds, reach.lengths) if reach.lengths else wanted.seconds
    sharpness = (before.resolution, False)
    if wanted.resolution is not None:
        found = reach.sharpness(wanted.resolution)
        if found is None:
            raise _unsupported(wanted.resolution_param)
        sharpness = found
    resolution, upscale = sharpness
    return Plan(lengths=(seconds,), resolution=resolution, upscale=upscale, tier=before.tier)


def _texts(offer: Offer, name: str) -> tuple[str, ...]:
    """Return a limit that is a list; empty: it is not named."""
    value = offer.limits.get(name)
    return value if isinstance(value, tuple) else ()


def _reaches(offer: Offer, *, rounds: bool) -> tuple[_Reach, ...]:
    """Return what accounts can do, the best ones first."""
    lengths, resolutions = _numbers(offer, "seconds"), _texts(offer, "resolutions")
    rounds = rounds and may_continue(offer)
    everybody = _Reach(
        lengths=lengths,
        resolutions=resolutions,
        upscaled=_texts(offer, "upscaled"),
        rounds=rounds,
    )
    better = _Reach(
        lengths=_numbers(offer, "super_seconds") or lengths,
        resolutions=_texts(offer, "super_resolutions") or resolutions,
        rounds=rounds,
        tier="super",
    )
    return better, everybody


def _nearest(seconds: int, lengths: tuple[int, ...]) -> int:
    """Return the length that is nearest; of two equally near ones the shorter."""
    return min(lengths, key=lambda length: (abs(length - seconds), length))


def _numbers(offer: Offer, name: str) -> tuple[int, ...]:
    return tuple(map(int, _texts(offer, name)))


def _unsupported(param: str) -> InvalidRequest:
    return InvalidRequest(
        f"Unsupported value: '{param}' is not one that this model offers.",
        code="unsupported_value",
        param=param,
    )
