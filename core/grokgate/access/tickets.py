"""Tickets: they open one event stream or socket, where no header can be sent (F-AUTH-05)."""

import secrets
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from grokgate.upstream import Clock

TICKET_S: Final = 60
"""Seconds a ticket is good for."""
_MOST: Final = 1000
_RANDOM_BYTES: Final = 32


class _Ticket(Struct, frozen=True):
    session_id: str | None
    until_s: float


class Tickets:
    """Makes tickets and takes each once; belongs to one event loop.

    Args:
        clock: Time.
        digest: Keyed digest of a text, so that look-ups tell nothing by their time.
    """

    def __init__(self, clock: Clock, digest: Callable[[str], bytes]) -> None:
        self._clock = clock
        self._digest = digest
        self._tickets: dict[bytes, _Ticket] = {}

    def issue(self, session_id: str | None) -> str:
        """Return a new ticket of a session; None: of who gives the password with each request."""
        text = secrets.token_urlsafe(_RANDOM_BYTES)
        if len(self._tickets) >= _MOST:
            del self._tickets[next(iter(self._tickets))]
        until_s = self._clock.monotonic() + TICKET_S
        self._tickets[self._digest(text)] = _Ticket(session_id, until_s)
        return text

    def redeem(self, text: str) -> tuple[bool, str | None]:
        """Take a ticket; return whether it was good, and whose session it is."""
        ticket = self._tickets.pop(self._digest(text), None)
        if ticket is None or ticket.until_s < self._clock.monotonic():
            return False, None
        return True, ticket.session_id

    def clear(self) -> None:
        """End all tickets."""
        self._tickets.clear()
