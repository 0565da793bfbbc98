"""Has the home get ready for the models offered, before calls for them come."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from grokgate.catalog import Catalog
from grokgate.dispatch.desk import DispatchSettings
from grokgate.dispatch.route import served_from
from grokgate.plugin.records import Caller
from grokgate.scheduler.home import Want
from grokgate.upstream import UpstreamSpec

_EVERYBODY = Caller(key_id="everybody", name="everybody")


class PreparedHome(Protocol):
    """What is needed of the home of a ledger; see `scheduler.home.Home`."""

    async def prepare(self, wants: Iterable[Want], /) -> None:
        """Get ready for calls like *wants*."""
        ...


class Preparation:
    """Prepares at the start, and whenever the settings have changed; `run` does the work.

    Args:
        home: Gets ready.
        catalog: Knows the models.
        specs: Loaded upstreams, by id.
        settings: Returns the settings now.
    """

    def __init__(
        self,
        *,
        home: PreparedHome,
        catalog: Catalog,
        specs: Mapping[str, UpstreamSpec],
        settings: Callable[[], DispatchSettings],
    ) -> None:
        self._home = home
        self._catalog = catalog
        self._specs = specs
        self._settings = settings
        self._stirred = asyncio.Event()

    def changed(self) -> None:
        """Note that the settings have changed."""
        self._stirred.set()

    async def run(self) -> None:
        """Prepare until cancelled."""
        while True:
            self._stirred.clear()
            await self._home.prepare(self._wants())
            await self._stirred.wait()

    def _wants(self) -> Iterable[Want]:
        """Return a want for every combination of accounts and quota that a model may ask for."""
        token = self._settings().token
        wants: dict[object, Want] = {}
        for offer in self._catalog.offered(_EVERYBODY):
            wires = self._catalog.wires(offer.card)
            for upstream, pools, buckets in served_from(offer.card, wires, self._specs):
                wants[upstream, pools, buckets] = Want(
                    request_id="",
                    key_id=_EVERYBODY.key_id,
                    model=offer.card.id,
                    deadline=0.0,
                    upstream=upstream,
                    pools=pools,
                    buckets=buckets,
                    units=0,
                    policy=token.selection,
                    unknown_first=token.unknown_first,
                )
        return wants.values()
