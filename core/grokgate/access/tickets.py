"""Tickets: they open one event stream or socket, where no header can be sent (F-AUTH-05).

They are signed, so that the process which is asked for the stream need not be the one that was
asked for the ticket; all that is noted is which were used.
"""

import hmac
import secrets
from collections.abc import Callable
from typing import Final

from grokgate.bus import Notes
from grokgate.upstream import Clock

TICKET_S: Final = 60
"""Seconds a ticket is good for."""
_RANDOM_BYTES: Final = 16
_LONGEST: Final = 300


class Tickets:
    """Makes tickets and takes each once; belongs to one event loop.

    Args:
        clock: Time.
        sign: Keyed digest of a text; another one ends all tickets.
        notes: Remember the random parts of those that were used.
    """

    def __init__(self, clock: Clock, sign: Callable[[str], bytes], notes: Notes) -> None:
        self._clock = clock
        self._sign = sign
        self._notes = notes

    def issue(self, session_id: str | None) -> str:
        """Return a new ticket of a session; None: of who gives the password with each request."""
        until_s = int(self._now_s()) + TICKET_S
        content = f"{session_id or ''}.{until_s}.{secrets.token_urlsafe(_RANDOM_BYTES)}"
        return f"{content}.{self._sign(content).hex()}"

    async def redeem(self, text: str) -> tuple[bool, str | None]:
        """Take a ticket; return whether it was good, and whose session it is."""
        content, _, signature = text.rpartition(".")
        if not text.isascii() or len(text) > _LONGEST:
            return False, None
        if not hmac.compare_digest(signature, self._sign(content).hex()):
            return False, None
        session_id, until_s, random = content.split(".")
        if int(until_s) < self._now_s():
            return False, None
        # Longer than it is good: the clocks of replicas differ.
        if not await self._notes.note(f"ticket:{random}", for_s=2 * TICKET_S):
            return False, None
        return True, session_id or None

    def _now_s(self) -> float:
        return self._clock.now().timestamp()
