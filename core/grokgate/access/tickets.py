"""Tickets: they open one event stream or socket, where no header can be sent (F-AUTH-05).

They are signed, so that the process which is asked for the stream need not be the one that was
asked for the ticket; all that is kept is which were used. Whoever uses one tells the others.
"""

import hmac
import secrets
from collections.abc import Callable, Iterable
from typing import Final

from grokgate.bus import Bus, Ids, LocalBus
from grokgate.upstream import Clock

TOPIC: Final = "tickets"
TICKET_S: Final = 60
"""Seconds a ticket is good for."""
_RANDOM_BYTES: Final = 16
_LONGEST: Final = 300


class Tickets:
    """Makes tickets and takes each once; belongs to one event loop.

    Args:
        clock: Time.
        sign: Keyed digest of a text; another one ends all tickets.
    """

    def __init__(self, clock: Clock, sign: Callable[[str], bytes]) -> None:
        self._clock = clock
        self._sign = sign
        self._bus: Bus = LocalBus()
        self._used: dict[str, float] = {}
        """Random parts of those that were used, and until when they would have been good."""

    def join(self, bus: Bus) -> None:
        """Tell other processes which tickets are used, and follow them; before the bus runs."""
        self._bus = bus
        bus.subscribe(TOPIC, self._follow)

    def issue(self, session_id: str | None) -> str:
        """Return a new ticket of a session; None: of who gives the password with each request."""
        until_s = int(self._now_s()) + TICKET_S
        content = f"{session_id or ''}.{until_s}.{secrets.token_urlsafe(_RANDOM_BYTES)}"
        return f"{content}.{self._sign(content).hex()}"

    def redeem(self, text: str) -> tuple[bool, str | None]:
        """Take a ticket; return whether it was good, and whose session it is."""
        content, _, signature = text.rpartition(".")
        if not text.isascii() or len(text) > _LONGEST:
            return False, None
        if not hmac.compare_digest(signature, self._sign(content).hex()):
            return False, None
        session_id, until_s, random = content.split(".")
        if int(until_s) < self._now_s() or random in self._used:
            return False, None
        self._note((random,))
        self._bus.publish(TOPIC, (random,))
        return True, session_id or None

    def _follow(self, ids: Ids) -> None:
        self._note(ids or ())

    def _note(self, used: Iterable[str]) -> None:
        now_s = self._now_s()
        self._used = {one: until_s for one, until_s in self._used.items() if until_s >= now_s}
        self._used |= dict.fromkeys(used, now_s + TICKET_S)

    def _now_s(self) -> float:
        return self._clock.now().timestamp()
