"""Pool incidents: the same ambiguous fault on many tokens is not the tokens' fault.

Three tokens within 60 s begin an incident of their upstream: penalties are frozen and retries are
off until the first success (`reliability-security.md` 2). Pure: time arrives as an argument.
"""

from grokgate.upstream import Kind

_TOKENS = 3
_SPAN_S = 60.0


class Incidents:
    """Recent ambiguous faults, by upstream and kind."""

    def __init__(self) -> None:
        self.count = 0
        """Incidents so far."""
        self._active: set[str] = set()
        self._recent: dict[tuple[str, Kind], dict[str, float]] = {}
        """Token → monotonic seconds of its last such fault; at most three tokens each."""

    def active(self, upstream: str) -> bool:
        """Tell whether an incident is going on."""
        return upstream in self._active

    def seen(self, upstream: str, kind: Kind, token: str, now: float) -> bool:
        """Note a fault; return whether it began an incident."""
        recent = self._recent.setdefault((upstream, kind), {})
        recent.pop(token, None)
        for other in [other for other, when in recent.items() if when < now - _SPAN_S]:
            del recent[other]
        if len(recent) >= _TOKENS:
            del recent[next(iter(recent))]
        recent[token] = now
        if len(recent) < _TOKENS or upstream in self._active:
            return False
        self._active.add(upstream)
        self.count += 1
        return True

    def succeeded(self, upstream: str) -> bool:
        """Note a success; return whether it ended an incident."""
        if upstream not in self._active:
            return False
        self._active.remove(upstream)
        return True
