"""Builds and owns everything of one process.

Start: plugins → settings → stores → home → drivers → lifespans → jobs → command socket →
background work → listen. Stop, in reverse: background work cancelled, jobs cancelled, lifespans
left, drivers closed, settlements flushed, stores closed. One `AsyncExitStack` in `Gateway.run`
keeps that order whatever fails.
"""

import os
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog

from grokgate import control, registry
from grokgate.arrangement import Arrangement
from grokgate.background import background
from grokgate.catalog import Catalog, Usable, servers
from grokgate.clock import SystemClock
from grokgate.contexts import Context, CoreContext
from grokgate.dispatch import Dispatch
from grokgate.dispatch.explain import Explainer
from grokgate.dispatch.journal import Journal
from grokgate.drain import Drain
from grokgate.drift import Drift
from grokgate.errors import StartupError, StateError, StoreUnavailable
from grokgate.fetch import GuardedFetch
from grokgate.gateway import address, parts
from grokgate.health import Live
from grokgate.jobs import Jobs
from grokgate.keys import KeyRing
from grokgate.lifespans import enter_lifespans
from grokgate.media import Cleaning, Files, Forms, Pictures
from grokgate.objects import ObjectStore, Replies
from grokgate.observers import Observers, watch_home
from grokgate.operations import Operations
from grokgate.permits import Permits
from grokgate.plugin.records import Caller
from grokgate.registry import LoadedPlugin, PluginSource
from grokgate.run_options import RunOptions
from grokgate.scheduler.cost import CostTable
from grokgate.scheduler.memory import MemoryHome
from grokgate.settings import (
    Boot,
    Declaration,
    Snapshot,
    Switch,
    read_boot,
    setting_keys,
)
from grokgate.spool import SPOOLED_BYTES, Room
from grokgate.storage.meta import begin_run, end_run
from grokgate.stores import Stores, database_path, no_database, open_stores
from grokgate.telemetry import Metrics
from grokgate.tokens import TokenStore
from grokgate.upstream import Clock, Tier
from grokgate.upstreams import order

_ANONYMOUS = Caller(key_id="anonymous", name="anonymous")


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

    keys: KeyRing
    tokens: TokenStore
    home: MemoryHome
    objects: ObjectStore
    replies: Replies
    files: Files
    media: Pictures
    forms: Forms
    dispatch: Dispatch
    fetch: GuardedFetch
    journal: Journal

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
        )
        self.metrics = Metrics()
        self.drift = Drift(now_ms=lambda: int(self.clock.now().timestamp() * 1000), log=self.log)
        self.rules = CostTable(rule for plugin in self.plugins for rule in plugin.cost_rules)
        self.drain = Drain(grace_s=lambda: self.settings.snapshot.server.shutdown_grace_sec)
        self.jobs = Jobs(self.drain, on_fault=self.metrics.plugin_fault, log=self.log)
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
        self._ready = False

    @property
    def plugins(self) -> Sequence[LoadedPlugin]:
        """The plugins that loaded, in load order."""
        return self.registry.plugins

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

    def ready(self) -> bool:
        """Tell whether all parts are up."""
        return self._ready

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Open everything in order; leaving the context closes it in reverse."""
        async with AsyncExitStack() as stack:
            stores = await stack.enter_async_context(self._stores())
            await self._open_keys(stores)
            await self._erase_removed()
            cleaning = await self._open_media(stores)
            await self._open_home(stack, stores)
            upstreams = await stack.enter_async_context(parts.make_upstreams(self).open())
            for upstream in self.specs:
                if not upstreams.is_open(upstream):
                    self.metrics.plugin_fault(upstreams.plugin_of(upstream))
            refresh = parts.make_refresh(self, upstreams)
            self.dispatch = parts.make_dispatch(self, upstreams, refresh)
            preparation = parts.make_preparation(self)
            stack.callback(self.settings.subscribe(lambda _old, _new: preparation.changed()))
            self.fetch = parts.make_fetch(self)
            await enter_lifespans(
                stack, self.registry, self.contexts, failed=self._withdraw, log=self.log
            )
            await stack.enter_async_context(self.jobs.accepting())
            operations = Operations(
                self.tokens,
                self.keys,
                Live(self.home, refresh),
                self.explainer(),
                parts.make_examiner(self, upstreams, spent=refresh.soon),
            )
            await stack.enter_async_context(
                control.serve(self.options.data_dir, operations, log=self.log)
            )
            if self.options.sandbox_accounts:
                await self.tokens.import_text(self.options.sandbox_accounts)
            works = (
                self.settings.run,
                self.home.run,
                self.journal.run,
                self.objects.run,
                cleaning.run,
                refresh.run,
                preparation.run,
            )
            await stack.enter_async_context(background(*works, log=self.log))
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
            self._require_database()
        async with AsyncExitStack() as stack:
            stores = await stack.enter_async_context(self._stores())
            self.keys, self.tokens = stores.keys, stores.tokens
            if made_up:
                await self.tokens.import_text(made_up)
            upstreams = await stack.enter_async_context(parts.make_upstreams(self).open())
            examiner = parts.make_examiner(self, upstreams)
            yield Operations(self.tokens, self.keys, examiner=examiner)

    def explainer(self) -> Explainer:
        """Make what tells about decisions; needs what `run` or `look` opens."""
        return parts.make_explainer(self)

    def _require_database(self) -> None:
        path = database_path(self.boot)
        if not path.exists():
            raise StateError(no_database(self.boot.data_dir, path))

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Operations]:
        """Open the stores alone: for a command that looks while no service runs.

        Raises:
            StateError: A service runs after all, there is nothing yet, or the state is damaged.
        """
        self._require_database()
        async with self._stores() as stores:
            self.keys, self.tokens = stores.keys, stores.tokens
            self._make_home(stores)
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

    def on_loopback(self) -> bool:
        """Tell whether the listen address is reachable from this machine alone."""
        return address.is_loopback(self.boot.server.host)

    def is_active(self, key_id: str) -> bool:
        """Tell whether links of this key hold."""
        if key_id == _ANONYMOUS.key_id:
            return self.anonymous() is not None
        return self.keys.is_active(key_id)

    # -- what a start opens ------------------------------------------------------------------

    def _stores(self) -> AbstractAsyncContextManager[Stores]:
        # To be stopped is the command; it would only start another worker in place of this one.
        holder = os.getppid() if self.options.announce else None
        return open_stores(
            self.boot,
            self._environ,
            specs=self.specs,
            clock=self.clock,
            log=self.log,
            holder=holder,
        )

    async def _open_keys(self, stores: Stores) -> None:
        self.keys, self.tokens = stores.keys, stores.tokens
        self.objects, self.replies = stores.objects, stores.replies
        if self.settings.snapshot.app.allow_anonymous and not self.on_loopback():
            raise StartupError(
                "app.allow_anonymous works only while the listen address is loopback. Unset it, "
                "or set SERVER_HOST=127.0.0.1."
            )
        self._take_config_keys(self.settings.snapshot)
        self.settings.subscribe(lambda _old, new: self._take_config_keys(new))
        self.first_key = await self.keys.ensure_first_key()

    async def _open_media(self, stores: Stores) -> Cleaning:
        """Open what is stored as files; what lies there without a row is taken in first."""
        services = parts.make_media(self, stores)
        self.files, self.media, self.forms = services.files, services.pictures, services.forms
        await services.cleaning.begin()
        return services.cleaning

    def _take_config_keys(self, snapshot: Snapshot) -> None:
        refused = self.keys.set_config_keys(snapshot.app.api_key, loopback=self.on_loopback())
        for sentence in refused:
            self.log.warning("config_key_refused", detail=sentence)

    async def _erase_removed(self) -> None:
        """Erase tokens that were removed long ago (F-TOK-53)."""
        days = self.settings.snapshot.token.deleted_keep_days
        before = self.clock.now() - timedelta(days=days)
        erased = await self.tokens.erase_deleted(before_ms=int(before.timestamp() * 1000))
        if erased:
            self.log.info("removed_tokens_erased", count=erased)

    async def _open_home(self, stack: AsyncExitStack, stores: Stores) -> None:
        """Load the ledger; at the stop, flush it and note that nothing was lost."""
        self._make_home(stores)
        async with stores.database.write() as connection:
            clean = await begin_run(connection)
        self.home.load(self.tokens.records.values(), unclean=not clean)

        async def close() -> None:
            await self._flush_journal()
            await self.home.aclose()
            async with stores.database.write() as connection:
                await end_run(connection)

        stack.push_async_callback(close)
        watch_home(self.metrics, self.home.view, upstreams=self.specs)
        self.metrics.watch_total("decisions_lost", lambda: self.journal.lost)

    def _make_home(self, stores: Stores) -> None:
        self.home = parts.make_home(self)
        self.journal = parts.make_journal(self, stores)

    async def _flush_journal(self) -> None:
        """Write the last decisions; what cannot be written is of no use after the stop."""
        try:
            await self.journal.flush()
        except StoreUnavailable:
            self.log.warning("decisions_not_written", error=StoreUnavailable.__name__)

    def _withdraw(self, plugin: LoadedPlugin) -> None:
        """Switch off the routes of a plugin whose lifespan failed."""
        self.metrics.plugin_fault(plugin.name)
        self.withdrawn |= {route.id for route in plugin.routes}


def _installed(boot: Boot) -> list[PluginSource]:
    return registry.installed(enabled=boot.plugins.enabled, disabled=boot.plugins.disabled)
