"""The weekly pool of a paid account (`upstream-protocol.md` 4.6)."""

import math
import struct
from collections.abc import Mapping

from msgspec import Struct

from grokgate_web.decode.grpc import fields

_FLOAT = 4
_ALL = 100.0


class WeeklyPool(Struct, frozen=True, kw_only=True):
    """How much of its pool an account has used in the period under way."""

    used: float
    """Percent, 0 to 100."""
    start_s: float
    """Unix time."""
    end_s: float
    """Unix time."""
    products: Mapping[int, float] = {}
    """Product code → percent of the pool that it used."""

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left."""
        return self.used >= _ALL


def weekly_pool(message: bytes) -> WeeklyPool | None:
    """Read the answer; None: the account has no pool.

    A share of zero is not sent. An account without a pool has none either, but its period begins
    and ends on whole seconds.

    Raises:
        ValueError: Not such an answer.
    """
    config = _last(message, 1)
    if not isinstance(config, bytes):
        return None
    start_s, end_s = (_timestamp(_last(config, number)) for number in (4, 5))
    used = _last(config, 1)
    if start_s is None or end_s is None:
        if used is None:
            return None
        raise ValueError("the pool has no period")
    if used is None and start_s.is_integer() and end_s.is_integer():
        return None
    return WeeklyPool(
        used=0.0 if used is None else _percent(used),
        start_s=start_s,
        end_s=end_s,
        products=dict(_product(value) for number, value in fields(config) if number == 7),  # noqa: PLR2004 - field number
    )


def _last(message: bytes, number: int) -> int | bytes | None:
    """Return a field's value, of a repeated one the last, as protobuf has it."""
    found = [value for key, value in fields(message) if key == number]
    return found[-1] if found else None


def _product(value: int | bytes) -> tuple[int, float]:
    if not isinstance(value, bytes):
        raise ValueError("the pool has a product of unknown form")  # noqa: TRY004 - about data
    code, used = _last(value, 1) or 0, _last(value, 2)
    if not isinstance(code, int):
        raise ValueError("the pool has a product without a code")  # noqa: TRY004 - about data
    return code, 0.0 if used is None else _percent(used)


def _percent(value: int | bytes) -> float:
    if not isinstance(value, bytes) or len(value) != _FLOAT:
        raise ValueError("the pool has a share that is no number")
    (percent,) = struct.unpack("<f", value)
    if not math.isfinite(percent):
        raise ValueError("the pool has a share that is no number")
    return float(min(_ALL, max(0.0, percent)))


def _timestamp(value: int | bytes | None) -> float | None:
    if not isinstance(value, bytes):
        return None
    seconds, nanos = _last(value, 1) or 0, _last(value, 2) or 0
    if not isinstance(seconds, int) or not isinstance(nanos, int):
        raise ValueError("the pool has a period that is no time")  # noqa: TRY004 - about data
    return seconds + nanos / 1e9
