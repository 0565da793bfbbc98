"""Slows down who guesses passwords, source by source, and locks nobody out for good (F-AUTH-07)."""

import ipaddress
from typing import Final

from grokgate.bus import Notes
from grokgate.errors import AuthenticationFailed, GatewayError, TooManyAttempts

_FREE: Final = 4
"""Failures before the first delay."""
_LONGEST_S: Final = 60.0
_PREFIX: Final = 64


class Throttle:
    """Counts failures by source; belongs to one event loop.

    Args:
        notes: Keep the counts.
    """

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    async def check(self, address: str) -> None:
        """Let a source try.

        Raises:
            TooManyAttempts: It has to wait; carries how long.
        """
        failures = await self._notes.failures(_source(address))
        wait_s = _delay_s(failures.count) - failures.age_s
        if wait_s > 0:
            raise TooManyAttempts(retry_after_s=wait_s)

    async def failed(self, address: str, *, message: str | None = None) -> GatewayError:
        """Count a failure; return what the source is told: *message*, unless it has to wait."""
        delay_s = _delay_s(await self._notes.failed(_source(address)))
        return TooManyAttempts(retry_after_s=delay_s) if delay_s else AuthenticationFailed(message)

    async def succeeded(self, address: str) -> None:
        """Forget the failures of a source."""
        await self._notes.forgive(_source(address))


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
