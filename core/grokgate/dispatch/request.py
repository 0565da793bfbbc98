"""What the calls of one client request share: retries used up, and penalties caused."""

from collections import OrderedDict
from collections.abc import Collection

from grokgate.plugin.records import Caller
from grokgate.scheduler.verdict import may_repeat
from grokgate.upstream import Kind, Observation

_REMEMBERED = 4096
_BLOCKED = frozenset({Kind.FORBIDDEN, Kind.CHALLENGE, Kind.ANTI_BOT})


class ClientRequest:
    """Counters of one client request, over all its calls (P3, P4)."""

    __slots__ = ("_blocked", "_timed_out", "penalized", "retries")

    def __init__(self) -> None:
        self.retries = 0
        self.penalized = False
        """An account took the request's one ambiguous penalty."""
        self._blocked = False
        self._timed_out = False

    def may_retry(
        self,
        observation: Observation,
        *,
        repeatable: bool,
        codes: Collection[int],
        most: int,
    ) -> bool:
        """Tell whether a failure may be tried elsewhere, as far as this request decides.

        Args:
            observation: Of the failed attempt.
            repeatable: `Call.repeatable`.
            codes: ``grok.retry_status_codes``.
            most: ``grok.max_retry``.
        """
        if self.retries >= most:
            return False
        if not may_repeat(observation, repeatable=repeatable, codes=codes):
            return False
        if observation.kind in _BLOCKED:
            return not self._blocked
        return observation.kind is not Kind.TIMEOUT or not self._timed_out

    def retried(self, observation: Observation) -> None:
        """Count a retry that *observation* led to."""
        self.retries += 1
        self._blocked = self._blocked or observation.kind in _BLOCKED
        self._timed_out = self._timed_out or observation.kind is Kind.TIMEOUT


class ClientRequests:
    """Client requests by their caller. The oldest of many thousand are forgotten.

    A caller is made for each request; its request id tells nothing, for clients may choose it and
    use one for ever.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[Caller, ClientRequest]] = OrderedDict()
        """By identity of the caller, which is kept so that no other one gets its number."""

    def get(self, caller: Caller) -> ClientRequest:
        """Return the counters of a request; calls without a request id share nothing."""
        if not caller.request_id:
            return ClientRequest()
        found = self._known.get(id(caller))
        if found is not None:
            return found[1]
        request = ClientRequest()
        self._known[id(caller)] = caller, request
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return request
