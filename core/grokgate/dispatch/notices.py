"""Tells the log why calls find no account: each cause once a minute, however often it comes."""

from typing import Any

from grokgate.errors import GatewayError, NoTokenAvailable, NoTokensConfigured, Overloaded
from grokgate.plugin.records import Call
from grokgate.scheduler.home import Home
from grokgate.upstream import Clock

_EVERY_S = 60.0
_CAUSES = 100


class Notices:
    """The causes that were told lately.

    Args:
        home: Knows the decision behind a refusal.
        clock: Time.
        log: A bound structlog logger.
    """

    def __init__(self, home: Home, clock: Clock, log: Any) -> None:
        self._home = home
        self._clock = clock
        self._log = log
        self._told: dict[str, tuple[float, int]] = {}
        """By cause: when it was told, and how often it came since."""

    def failed(self, call: Call, error: GatewayError) -> None:
        """Note that *call* ends with *error*."""
        if not isinstance(error, NoTokenAvailable | NoTokensConfigured | Overloaded):
            return
        now = self._clock.monotonic()
        told_at, times = self._told.get(error.message, (now - _EVERY_S, 0))
        if now - told_at < _EVERY_S:
            self._told[error.message] = told_at, times + 1
            return
        if len(self._told) >= _CAUSES:
            self._told.clear()
        self._told[error.message] = now, 0
        request_id = call.caller.request_id
        decisions = self._home.decisions(request_id) if request_id else []
        self._log.warning(
            "no_account",
            cause=error.message,
            model=call.card.id,
            out=dict(decisions[-1].out) if decisions else None,
            retry_after_s=error.retry_after_s,
            more_before=times,
        )
