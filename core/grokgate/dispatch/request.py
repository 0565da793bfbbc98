"""What the calls of one client request share: retries, penalties, and what they cost its key."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from weakref import ref

from grokgate.dispatch.bill import Bill
from grokgate.keys import Meter
from grokgate.plugin.records import Caller
from grokgate.scheduler.verdict import may_repeat
from grokgate.upstream import Kind, Observation

_BLOCKED = frozenset({Kind.FORBIDDEN, Kind.CHALLENGE, Kind.ANTI_BOT})


class ClientRequest:
    """Counters of one client request, over all its calls (P3, P4).

    Args:
        over: It has been answered before its first call, or nobody will tell when it is.
    """

    __slots__ = ("_bills", "_blocked", "_timed_out", "is_over", "penalized", "retries", "spared")

    def __init__(self, *, over: bool = False) -> None:
        self.retries = 0
        self.penalized = False
        """An account took the request's one ambiguous penalty."""
        self.spared: frozenset[str] = frozenset()
        """Accounts that blocked a picture of it: it is made anew elsewhere (F-NSFW-05)."""
        self._blocked = False
        self._timed_out = False
        self.is_over = over
        """It has been answered; work of it may go on."""
        self._bills: dict[tuple[str, ...], Bill] = {}
        """By quotas; nearly always one."""

    def bill(self, meter: Meter, caller: Caller, quotas: tuple[str, ...]) -> Bill:
        """Return what the request takes from *quotas* of its key."""
        bill = self._bills.get(quotas)
        if bill is None:
            bill = self._bills[quotas] = Bill(meter, caller, quotas)
            if self.is_over:
                bill.over()
        return bill

    def over(self) -> None:
        """Note that the request has been answered."""
        self.is_over = True
        for bill in self._bills.values():
            bill.over()

    def void(self) -> None:
        """Forget what its calls made: the client gets nothing of it."""
        for bill in self._bills.values():
            bill.void()

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
    """Client requests by their caller, as long as anybody refers to it.

    A caller is made for each request; its request id tells nothing, for clients may choose it and
    use one for ever. No number is taken for that of a caller that is gone: its weak reference is
    told before its memory can be used again.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[ref[Caller], ClientRequest]] = {}
        """By identity of the caller, whose end removes the entry."""

    def get(self, caller: Caller) -> ClientRequest:
        """Return the counters of a request; calls without a request id share nothing."""
        if not caller.request_id:
            return ClientRequest(over=True)
        found = self._known.get(id(caller))
        if found is not None:
            return found[1]
        return self._enter(caller, ClientRequest())

    def over(self, caller: Caller) -> None:
        """Note that a request has been answered; its work may go on, or only begin."""
        if caller.metered or id(caller) in self._known:
            self.get(caller).over()

    def _enter(self, caller: Caller, request: ClientRequest) -> ClientRequest:
        known, number = self._known, id(caller)
        loop = asyncio.get_running_loop()

        def forget(_: ref[Caller]) -> None:
            del known[number]
            if not request.is_over:
                with suppress(RuntimeError):  # the loop is closed, and with it the gateway
                    # Objects may be collected in any thread.
                    loop.call_soon_threadsafe(request.over)

        known[number] = ref(caller, forget), request
        return request
