"""The service behind `PluginContext.dispatcher`."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from random import Random
from typing import Any

import anyio
from msgspec import structs

from grokgate.dispatch.budget import RetryBudget
from grokgate.dispatch.course import Course
from grokgate.dispatch.daily import Days
from grokgate.dispatch.desk import (
    Aborted,
    Blamed,
    Desk,
    DispatchSettings,
    Drifted,
    Finished,
    Survey,
)
from grokgate.dispatch.exchange import LiveExchange
from grokgate.dispatch.notices import Notices
from grokgate.dispatch.opening import open_exchange
from grokgate.dispatch.request import ClientRequest, ClientRequests
from grokgate.errors import GatewayError
from grokgate.keys import Meter
from grokgate.plugin.context import Dispatcher, Exchange
from grokgate.plugin.records import Call, Caller, ModelCard
from grokgate.scheduler.cost import CostTable
from grokgate.scheduler.home import Home
from grokgate.upstream import Clock, Wire
from grokgate.upstreams import Upstreams


def _ignore(*_told: object) -> None:
    """Count nothing."""


class Dispatch:
    """Runs the calls of all plugins; used from one event loop.

    Args:
        home: Leases accounts.
        upstreams: Open drivers.
        wires: Returns a card's wire entries in force, by upstream.
        rules: Prices calls.
        settings: Returns the settings now; read once per call.
        clock: Time.
        rng: Spreads retries.
        log: A bound structlog logger.
        finished: Told of every call that has ended, after its lease is back.
        survey: Asks for the quota of tokens nobody knows it of.
        drifted: Counts what drivers did not know.
        blamed: Counts defects of plugins.
        aborted: Told how long it took to end exchanges that nobody wanted any more.
        day_begins: When the day of `Call.daily` begins, minutes east of UTC.
        meter: Where the daily quotas of keys are taken from; None: nobody has any.
    """

    def __init__(
        self,
        *,
        home: Home,
        upstreams: Upstreams,
        wires: Callable[[ModelCard], Sequence[tuple[str, Wire]]],
        rules: CostTable,
        settings: Callable[[], DispatchSettings],
        clock: Clock,
        rng: Random,
        log: Any,
        finished: Finished,
        survey: Survey,
        drifted: Drifted = _ignore,
        blamed: Blamed = _ignore,
        aborted: Aborted = _ignore,
        day_begins: Callable[[], int] = lambda: 0,
        meter: Meter | None = None,
    ) -> None:
        self.budget = RetryBudget()
        self._desk = Desk(
            home=home,
            upstreams=upstreams,
            wires=wires,
            rules=rules,
            settings=settings,
            clock=clock,
            rng=rng,
            log=log,
            finished=finished,
            survey=survey,
            drifted=drifted,
            blamed=blamed,
            aborted=aborted,
            notices=Notices(home, clock, log),
            budget=self.budget,
            days=Days(home, clock, day_begins),
            meter=meter,
        )
        self._requests = ClientRequests()

    def for_plugin(self, name: str) -> Dispatcher:
        """Return the dispatcher of one plugin, whose name its call records carry."""
        return _PluginDispatcher(self, name)

    async def open(self, plugin: str, call: Call) -> LiveExchange:
        """Open one call of *plugin*."""
        request = self._requests.get(call.caller)
        return await self._open(plugin, call, request, together=(call,))

    async def open_all(self, plugin: str, calls: Sequence[Call]) -> list[LiveExchange]:
        """Open the calls of one client request at once; all or none."""
        if not calls:
            return []
        request = self._requests.get(calls[0].caller)
        opened: dict[int, LiveExchange] = {}
        errors: list[GatewayError] = []
        try:
            async with anyio.create_task_group() as group:

                async def open_one(index: int, call: Call) -> None:
                    try:
                        opened[index] = await self._open(plugin, call, request, together=calls)
                    except GatewayError as error:
                        errors.append(error)
                        group.cancel_scope.cancel()

                for index, call in enumerate(calls):
                    group.start_soon(open_one, index, call)
        except BaseException:
            await _close_all(opened.values())
            raise
        if errors:
            await _close_all(opened.values())
            request.void()
            raise errors[0]
        return [opened[index] for index in range(len(calls))]

    def over(self, caller: Caller) -> None:
        """Note that the client request of *caller* has been answered; jobs of it may go on."""
        self._requests.over(caller)

    def _open(
        self, plugin: str, call: Call, request: ClientRequest, *, together: Sequence[Call]
    ) -> Awaitable[LiveExchange]:
        if call.caller.token_tags:
            call = structs.replace(call, require_tags=(*call.require_tags, *call.caller.token_tags))
        return open_exchange(Course(self._desk, plugin, call, request, together=together))


class _PluginDispatcher:
    """`Dispatch` as one plugin sees it."""

    def __init__(self, dispatch: Dispatch, plugin: str) -> None:
        self._dispatch = dispatch
        self._plugin = plugin

    async def open(self, call: Call, /) -> Exchange:
        return await self._dispatch.open(self._plugin, call)

    async def open_all(self, calls: Sequence[Call], /) -> list[Exchange]:
        return list(await self._dispatch.open_all(self._plugin, calls))


async def _close_all(exchanges: Iterable[LiveExchange]) -> None:
    """Close *exchanges*; their leases are back before the first is waited for."""
    everything = tuple(exchanges)
    for exchange in everything:
        exchange.cancel()
    for exchange in everything:
        await exchange.aclose()
