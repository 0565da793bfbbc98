"""Slows down who guesses passwords, source by source, and locks nobody out for good (F-AUTH-07)."""

import ipaddress
from collections import OrderedDict
from typing import Final

from msgspec import Struct

from grokgate.errors import AuthenticationFailed, GatewayError, TooManyAttempts
from grokgate.upstream import Clock

_FREE: Final = 4
"""Failures before the first delay."""
_LONGEST_S: Final = 60.0
_FORGET_S: Final = 900.0
"""Seconds after which failures count no more."""
_MOST: Final = 10_000
_PREFIX: Final = 64


class _Failures(Struct):
    count: int = 0
    last_s: float = 0.0
    until_s: float = 0.0


class Throttle:
    """Counts failures by source; belongs to one event loop.

    Args:
        clock: Time.
        most: Sources that are remembered; beyond, the one that failed longest ago is forgotten.
    """

    def __init__(self, clock: Clock, *, most: int = _MOST) -> None:
        self._clock = clock
        self._most = most
        self._sources: OrderedDict[str, _Failures] = OrderedDict()

    def check(self, address: str) -> None:
        """Let a source try.

        Raises:
            TooManyAttempts: It has to wait; carries how long.
        """
        failures = self._sources.get(_source(address))
        wait_s = failures.until_s - self._clock.monotonic() if failures else 0.0
        if wait_s > 0:
            raise TooManyAttempts(retry_after_s=wait_s)

    def failed(self, address: str, *, message: str | None = None) -> GatewayError:
        """Count a failure; return what the source is told: *message*, unless it has to wait."""
        source, now_s = _source(address), self._clock.monotonic()
        failures = self._sources.pop(source, None)
        if failures is None or now_s - failures.last_s > _FORGET_S:
            failures = _Failures()
        failures.count += 1
        failures.last_s = now_s
        delay_s = _delay_s(failures.count)
        failures.until_s = now_s + delay_s
        self._sources[source] = failures
        if len(self._sources) > self._most:
            self._sources.popitem(last=False)
        return TooManyAttempts(retry_after_s=delay_s) if delay_s else AuthenticationFailed(message)

    def succeeded(self, address: str) -> None:
        """Forget the failures of a source."""
        self._sources.pop(_source(address), None)


def _delay_s(count: int) -> float:
    """Return the wait after the failure with this number: 1 s doubling to 60 s."""
    beyond = count - _FREE - 1
    return 0.0 if beyond < 0 else min(2.0 ** min(beyond, 6), _LONGEST_S)


def _source(address: str) -> str:
    """Name the source: an IPv4 address, or the network that one customer has of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(ipaddress.IPv6Network((parsed, _PREFIX), strict=False))
