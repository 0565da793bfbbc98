"""Builds and owns everything of one process.

Start: plugins → settings → stores → home → drivers → lifespans → jobs → command socket →
background work → listen. Stop, in reverse: background work cancelled, jobs cancelled, lifespans
left, drivers closed, settlements flushed, stores closed. One `AsyncExitStack` in `Gateway.run`
keeps that order whatever fails.
"""

import os
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from grokgate import registry
from grokgate.access import Access
from grokgate.access.playground import OWNER
from grokgate.adoption import Adoption
from grokgate.alarms import Alarms
from grokgate.arrangement import Arrangement
from grokgate.bus import (
    Bus,
    Leadership,
    LocalBus,
    LocalLeadership,
    LocalNotes,
    LocalPlaces,
    LocalPresence,
    Notes,
    Places,
    Presence,
)
from grokgate.catalog import Catalog, Usable, servers
from grokgate.chores import Chores
from grokgate.chores.visits import Visits
from grokgate.clock import SystemClock
from grokgate.contexts import Context, CoreContext
from grokgate.dispatch import Dispatch
from grokgate.dispatch.explain import Explainer
from grokgate.dispatch.journal import Journal
from grokgate.doctor import Examiner
from grokgate.drain import Drain
from grokgate.drift import Drift
from grokgate.fetch import GuardedFetch
from grokgate.gateway import address, opening, operating, parts, together
from grokgate.gateway.erasing import Erasing
from grokgate.jobs import Jobs
from grokgate.keys import KeyRing, Meter
from grokgate.media import Cleaning, Files, Forms, Pictures
from grokgate.objects import ObjectStore, Replies
from grokgate.observers import Observers
from grokgate.openai.tally import Tally
from grokgate.operations import Operations
from grokgate.permits import Permits
from grokgate.plugin.records import Caller
from grokgate.prospects import Prospects
from grokgate.refresh import Refresh
from grokgate.registry import LoadedPlugin, PluginSource
from grokgate.rotation import SealingKey
from grokgate.run_options import RunOptions
from grokgate.scheduler.cost import CostTable
from grokgate.scheduler.shell import Shell
from grokgate.settings import (
    Boot,
    Declaration,
    Switch,
    read_boot,
    setting_keys,
)
from grokgate.spool import SPOOLED_BYTES, Room
from grokgate.statistics import Ended, RequestLog
from grokgate.statistics.tracing import Tracing
from grokgate.storage import Database
from grokgate.stores import Stores, open_stores, require_database
from grokgate.telemetry import Metrics
from grokgate.tokens import TokenStore
from grokgate.upstream import Clock, Tier
from grokgate.upstreams import order
from grokgate.vault import Vault
from grokgate.webhooks import Webhooks

if TYPE_CHECKING:  # its library is optional
    from grokgate.gateway.sharing import Sharing

_ANONYMOUS = Caller(key_id="anonymous", name="anonymous")
_NOBODY = ""
"""Owner of what was found in the media folder."""


class Gateway:
    """Everything one process owns. Only ``cli``, ``app.create`` and ``testing`` construct it.

    Settings, plugins and catalog exist from the start, so that the application can be built;
    everything else exists while `run` is entered.

    Args:
        options: Where the data lies, and what this run lays over the settings.
        environ: Environment of the process, aliases resolved.
        sources: Plugins to load; None: those installed.
        clock: Time.
        rng: Picks tokens and jitter; nothing secret.
        log: A bound structlog logger.
    """

    database: Database
    vault: Vault
    sealing_key: SealingKey
    adoption: Adoption
    access: Access
    keys: KeyRing
    tokens: TokenStore
    home: Shell
    meter: Meter
    refresh: Refresh
    objects: ObjectStore
    replies: Replies
    files: Files
    media: Pictures
    cleaning: Cleaning
    erasing: Erasing
    forms: Forms
    dispatch: Dispatch
    visits: Visits
    chores: Chores
    fetch: GuardedFetch
    journal: Journal
    examiner: Examiner
    request_log: RequestLog
    prospects: Prospects
    webhooks: Webhooks
    alarms: Alarms

    def __init__(
        self,
        options: RunOptions,
        environ: Mapping[str, str],
        *,
        sources: Sequence[PluginSource] | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        log: Any = None,
    ) -> None:
        self.options = options
        self.clock = clock or SystemClock()
        self.rng = rng or random.Random()  # noqa: S311 - picks and jitter, nothing secret
        self.log = log or structlog.get_logger("grokgate")
        self.boot = read_boot(options.data_dir, environ, options.overlay)
        self.sharing: Sharing | None = None
        """What other processes of the installation share with this one; None: there are none."""
        self.bus: Bus = LocalBus()
        self.leadership: Leadership = LocalLeadership()
        self.presence: Presence = LocalPresence()
        self.places: Places = LocalPlaces(self.clock)
        self.notes: Notes = LocalNotes(self.clock)
        self.workers = parts.make_workers(self)
        """Those of this start; None: this process is alone."""
        self.operators_served: Callable[[], int] = int
        """Returns how many requests of operators are being answered here."""
        self.first_key: str | None = None
        """Text of the API key that this start made; None at every later start."""
        self._environ = environ
        self.registry = registry.load(
            _installed(self.boot) if sources is None else sources,
            setting_keys=setting_keys,
            check_rules=CostTable,
            log=self.log,
        )
        self._arrangement = Arrangement(self.plugins, self.registry.upstreams, options, self.log)
        self.specs = self._arrangement.specs
        """Upstreams to open, by id."""
        self.owners: Mapping[str, str] = self._arrangement.owners
        """Name of the plugin, by upstream."""
        self.settings = self._arrangement.load_settings(environ)
        self.catalog = Catalog(
            (card for plugin in self.plugins for card in plugin.models),
            order=self._upstream_order,
            snapshot=lambda: self.settings.snapshot,
            enabled=lambda: self.enabled_routes,
            usable=self._usable,
            servers=servers(route for plugin in self.plugins for route in plugin.routes),
            models=lambda: self.settings.snapshot.models,
        )
        self.metrics = Metrics()
        self.drift = Drift(now_ms=lambda: int(self.clock.now().timestamp() * 1000), log=self.log)
        self.rules = CostTable(rule for plugin in self.plugins for rule in plugin.cost_rules)
        self.drain = Drain(grace_s=lambda: self.settings.snapshot.server.shutdown_grace_sec)
        self.jobs = Jobs(
            self.drain,
            on_fault=self.metrics.plugin_fault,
            log=self.log,
            ended=partial(operating.job_ended, self),
        )
        self.permits = Permits(
            limit=lambda: self.settings.snapshot.performance.media_max_concurrent,
            wait_s=lambda: self.settings.snapshot.limits.queue_wait_sec,
        )
        self.room = Room(SPOOLED_BYTES)
        """What forms and fetched files may take on disk."""
        self._core = CoreContext(self)
        self.contexts: Mapping[str, Context] = {
            plugin.name: Context(self, plugin) for plugin in self.plugins
        }
        """By plugin name."""
        self.observers = Observers(
            self.registry, self.contexts, on_fault=self.metrics.plugin_fault, log=self.log
        )
        self.withdrawn: frozenset[str] = frozenset()
        """Route ids of plugins whose lifespan failed; they read as switched off."""
        self.failed: frozenset[str] = frozenset()
        """Names of these plugins."""
        self.tracing: Tracing | None = None
        """None: nobody collects traces."""
        self._ready = False

    @property
    def plugins(self) -> Sequence[LoadedPlugin]:
        """The plugins that loaded, in load order."""
        return self.registry.plugins

    def find_caller(self, text: str, /) -> Caller | None:
        """Return whose key *text* is: a client's, or that of the playground; None: nobody's."""
        return self.keys.find(text) or self.access.playground.find(text)

    def context(self, plugin: str, /) -> Context | CoreContext:
        """Return the context of a loaded plugin, or of the core's own routes."""
        return self._core if plugin == registry.CORE else self.contexts[plugin]

    def anonymous(self) -> Caller | None:
        """Return the caller to assume without a key; None: a key is needed (F-API-02)."""
        allowed = self.settings.snapshot.app.allow_anonymous and self.on_loopback()
        return _ANONYMOUS if allowed else None

    @property
    def declarations(self) -> list[Declaration]:
        """Settings sections of the plugins."""
        return self._arrangement.declarations

    @property
    def switches(self) -> list[Switch]:
        """Switches of all routes."""
        return self._arrangement.switches

    @property
    def enabled_routes(self) -> frozenset[str]:
        """Ids of the routes that answer now."""
        enabled = self.settings.snapshot.enabled_routes
        return enabled - self.withdrawn if self.withdrawn else enabled

    def note_request(self, ended: Ended, tally: Tally, /) -> None:
        """Take a request that has ended into the request log; one before the start is forgotten."""
        if self._ready:
            self.request_log.note(ended, tally)
            if self.tracing is not None:
                self.tracing.note(ended, tally)

    def request_over(self, caller: Caller, /) -> None:
        """Give back what an answered request did not use of its key's daily quotas."""
        self.dispatch.over(caller)

    def ready(self) -> bool:
        """Tell whether all parts are up, and what they share with other processes."""
        shared = self.sharing is None or self.sharing.answers
        return self._ready and shared and not self.sealing_key.is_missing

    async def render_metrics(self) -> bytes:
        """Return the text of all metrics, with those of the other workers."""
        return await together.render_metrics(self)

    @property
    def stores_answer(self) -> bool:
        """Whether the database, and Redis where there is one, can be reached as far as is known."""
        shared = self.sharing is None or self.sharing.answers
        return shared and self.database.backend.answers

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Open everything in order; leaving the context closes it in reverse."""
        async with AsyncExitStack() as stack:
            async with self.workers.starting(stack) if self.workers else nullcontext():
                stores = await stack.enter_async_context(self._stores(shared=self.boot.shared))
                await opening.open_all(self, stores, stack)
            self._ready = True
            try:
                yield
            finally:
                self._ready = False

    @asynccontextmanager
    async def examine(self) -> AsyncIterator[Operations]:
        """Open stores and drivers alone: for a command that tries accounts while no service runs.

        Raises:
            StateError: A service runs after all, there is nothing yet, or the state is damaged.
        """
        made_up = self.options.sandbox_accounts
        if not made_up:
            require_database(self.boot)
        async with AsyncExitStack() as stack:
            stores = await stack.enter_async_context(self._stores(create=bool(made_up)))
            self.keys, self.tokens = stores.keys, stores.tokens
            if made_up:
                await self.tokens.import_text(made_up)
            upstreams = await stack.enter_async_context(parts.make_upstreams(self).open())
            examiner = parts.make_examiner(self, upstreams)
            yield Operations(self.tokens, self.keys, examiner=examiner)

    def explainer(self) -> Explainer:
        """Make what tells about decisions; needs what `run` or `look` opens."""
        return parts.make_explainer(self, partial(together.elsewhere, self))

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Operations]:
        """Open the stores alone: for a command that looks while no service runs.

        Raises:
            StateError: A service runs after all, there is nothing yet, or the state is damaged.
        """
        require_database(self.boot)
        async with self._stores(create=False) as stores:
            self.keys, self.tokens = stores.keys, stores.tokens
            opening.take_config_keys(self, self.settings.snapshot)
            opening.make_home(self, stores)
            self.home.load(self.tokens.records.values())
            yield Operations(self.tokens, self.keys, explainer=self.explainer())

    # -- what the settings and plugins make --------------------------------------------------

    def _upstream_order(self) -> tuple[str, ...]:
        return order(self.specs, self.settings.snapshot.upstreams.order)

    def _usable(self) -> Usable | None:
        """Return the test behind ``models.only_usable``; None while that is off."""
        if not self.settings.snapshot.models.only_usable or not self._ready:
            return None
        counts = self.home.view().tokens
        full = {pool for (pool, status), count in counts.items() if status == "active" and count}

        def usable(upstream: str, tier: Tier, /) -> bool:
            return not full.isdisjoint(self.specs[upstream].serves.get(tier, ()))

        return usable

    def public_base(self) -> str:
        """Return the origin of links, without a slash at its end; empty: nobody knows it (S10)."""
        return address.public_base(self.settings.snapshot.app.app_url, self.boot.server)

    def operator_base(self) -> str:
        """Return where the operator's browser finds the gateway, without a slash at its end."""
        return address.operator_base(self.settings.snapshot.app.app_url, self.boot.server)

    def on_loopback(self) -> bool:
        """Tell whether the listen address is reachable from this machine alone."""
        return address.is_loopback(self.boot.server.host)

    def is_active(self, key_id: str) -> bool:
        """Tell whether links of this key hold; an operator's do while anybody is logged in."""
        if key_id == _NOBODY:
            return True
        if key_id == OWNER:
            return bool(self.access.sessions.listing())
        if key_id == _ANONYMOUS.key_id:
            return self.anonymous() is not None
        return self.keys.is_active(key_id)

    # -- what a start opens ------------------------------------------------------------------

    @asynccontextmanager
    async def _stores(self, *, create: bool = True, shared: bool = False) -> AsyncIterator[Stores]:
        # To be stopped is the command; it would only start another worker in place of this one.
        holder = os.getppid() if self.options.announce else None
        opened = open_stores(
            self.boot,
            self._environ,
            specs=self.specs,
            clock=self.clock,
            day_begins=lambda: self.settings.snapshot.quota.tz_offset_minutes,
            log=self.log,
            holder=holder,
            create=create,
            shared=shared,
            start=self.workers.start if self.workers else None,
            before_reading=partial(opening.await_own_layout, self) if shared else None,
        )
        async with opened as stores:
            await self.settings.adopt(stores.settings)
            yield stores

    def withdraw(self, plugin: LoadedPlugin) -> None:
        """Switch off the routes of a plugin whose lifespan failed."""
        self.metrics.plugin_fault(plugin.name)
        self.withdrawn |= {route.id for route in plugin.routes}
        self.failed |= {plugin.name}


def _installed(boot: Boot) -> list[PluginSource]:
    return registry.installed(enabled=boot.plugins.enabled, disabled=boot.plugins.disabled)
