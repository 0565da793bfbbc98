"""Builds and owns everything of one process.

Start: plugins → settings → stores → home → drivers → lifespans → command socket → background work
→ listen. Stop, in reverse: background work cancelled, lifespans left, drivers closed, settlements
flushed, stores closed. One `AsyncExitStack` in `Gateway.run` keeps that order whatever fails.
"""

import ipaddress
import os
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import structlog

from grokgate import control, registry
from grokgate.arrangement import Arrangement
from grokgate.background import background
from grokgate.catalog import Catalog, Usable
from grokgate.clock import SystemClock
from grokgate.contexts import Context
from grokgate.dispatch import Dispatch
from grokgate.dispatch.explain import Explainer
from grokgate.dispatch.journal import Journal
from grokgate.dispatch.preparing import Preparation
from grokgate.doctor import Examiner
from grokgate.drain import Drain
from grokgate.drift import Drift
from grokgate.errors import StartupError, StateError, StoreUnavailable
from grokgate.fetch import GuardedFetch
from grokgate.health import Live
from grokgate.keys import KeyRing
from grokgate.lifespans import enter_lifespans
from grokgate.observers import Observers, count_call, watch_home
from grokgate.operations import Operations
from grokgate.plugin.records import Caller, CallRecord
from grokgate.refresh import Refresh
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
from grokgate.storage.meta import begin_run, end_run
from grokgate.stores import Stores, database_path, no_database, open_stores
from grokgate.telemetry import Metrics
from grokgate.tokens import TokenRecord, TokenStore
from grokgate.upstream import Clock, Tier, UpstreamContext
from grokgate.upstreams import Upstreams, order

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
        self.settings = self._arrangement.load_settings(environ)
        self.catalog = Catalog(
            (card for plugin in self.plugins for card in plugin.models),
            order=self._upstream_order,
            snapshot=lambda: self.settings.snapshot,
            enabled=lambda: self.enabled_routes,
            usable=self._usable,
        )
        self.metrics = Metrics()
        self.drift = Drift(now_ms=lambda: int(self.clock.now().timestamp() * 1000), log=self.log)
        self._rules = CostTable(rule for plugin in self.plugins for rule in plugin.cost_rules)
        self.drain = Drain(grace_s=lambda: self.settings.snapshot.server.shutdown_grace_sec)
        self._contexts = {plugin.name: Context(self, plugin) for plugin in self.plugins}
        self._observers = Observers(
            self.registry, self._contexts, on_fault=self.metrics.plugin_fault, log=self.log
        )
        self.withdrawn: frozenset[str] = frozenset()
        """Route ids of plugins whose lifespan failed; they read as switched off."""
        self._ready = False

    @property
    def plugins(self) -> Sequence[LoadedPlugin]:
        """The plugins that loaded, in load order."""
        return self.registry.plugins

    def context(self, plugin: str, /) -> Context:
        """Return the context of a loaded plugin."""
        return self._contexts[plugin]

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
            await self._open_home(stack, stores)
            upstreams = await stack.enter_async_context(self._upstreams().open())
            refresh = self._open_dispatch(upstreams)
            self.fetch = GuardedFetch(
                lambda: self.settings.snapshot.limits, self.options.data_dir / "tmp", log=self.log
            )
            await enter_lifespans(
                stack, self.registry, self._contexts, failed=self._withdraw, log=self.log
            )
            operations = Operations(
                self.tokens,
                self.keys,
                Live(self.home, refresh),
                self.explainer(),
                self._examiner(upstreams, spent=refresh.soon),
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
                refresh.run,
                self._preparation(stack).run,
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
            upstreams = await stack.enter_async_context(self._upstreams().open())
            yield Operations(self.tokens, self.keys, examiner=self._examiner(upstreams))

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

    def on_loopback(self) -> bool:
        """Tell whether the listen address is reachable from this machine alone."""
        host = self.boot.server.host
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

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
        self.objects = stores.objects
        if self.settings.snapshot.app.allow_anonymous and not self.on_loopback():
            raise StartupError(
                "app.allow_anonymous works only while the listen address is loopback. Unset it, "
                "or set SERVER_HOST=127.0.0.1."
            )
        self._take_config_keys(self.settings.snapshot)
        self.settings.subscribe(lambda _old, new: self._take_config_keys(new))
        self.first_key = await self.keys.ensure_first_key()

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
        self.home = MemoryHome(
            specs=tuple(self.specs.values()),
            settings=lambda: self.settings.snapshot,
            clock=self.clock,
            rng=self.rng,
            log=self.log,
            writer=self.tokens.write_states,
        )
        self.journal = Journal(
            stores.database,
            self.home.decisions,
            clock=self.clock,
            delay_s=lambda: self.settings.snapshot.token.save_delay_ms / 1000,
            log=self.log,
        )

    async def _flush_journal(self) -> None:
        """Write the last decisions; what cannot be written is of no use after the stop."""
        try:
            await self.journal.flush()
        except StoreUnavailable:
            self.log.warning("decisions_not_written", error=StoreUnavailable.__name__)

    def explainer(self) -> Explainer:
        """Make what tells about decisions; needs what `run` or `look` opens."""
        return Explainer(
            home=self.home,
            journal=self.journal,
            catalog=self.catalog,
            keys=self.keys,
            records=lambda: self.tokens.records,
            specs=self.specs,
            rules=self._rules,
            settings=lambda: self.settings.snapshot,
        )

    def _examiner(
        self, upstreams: Upstreams, *, spent: Callable[[str], None] | None = None
    ) -> Examiner:
        return Examiner(
            upstreams=upstreams,
            records=self.tokens.records,
            catalog=self.catalog,
            section=lambda upstream: self._contexts[self._arrangement.owners[upstream]].settings,
            settings=lambda: self.settings.snapshot,
            clock=self.clock,
            spent=spent,
            log=self.log,
        )

    def _upstreams(self) -> Upstreams:
        owners = self._arrangement.owners
        contexts = {
            upstream: UpstreamContext(
                settings=partial(getattr, self._contexts[owners[upstream]], "settings"),
                log=self._contexts[owners[upstream]].log,
                clock=self.clock,
            )
            for upstream in self.specs
        }
        return Upstreams(self.specs, contexts, self.tokens.records, plugins=owners)

    def _open_dispatch(self, upstreams: Upstreams) -> Refresh:
        for upstream in self.specs:
            if not upstreams.is_open(upstream):
                self.metrics.plugin_fault(upstreams.plugin_of(upstream))
        refresh = Refresh(
            home=self.home,
            upstreams=upstreams,
            records=self.tokens.records,
            edits=self.tokens,
            buckets=self.catalog.buckets,
            settings=lambda: self.settings.snapshot,
            clock=self.clock,
            rng=self.rng,
            log=self.log,
            on_error=self.metrics.quota_sync_failed,
            drifted=self._drifted,
        )

        async def edited(records: Sequence[TokenRecord]) -> None:
            await self.home.edited(records)
            refresh.edited(records)

        self.tokens.subscribe(edited)
        self.home.subscribe(refresh.soon)
        self.dispatch = Dispatch(
            home=self.home,
            upstreams=upstreams,
            wires=self.catalog.wires,
            rules=self._rules,
            settings=lambda: self.settings.snapshot,
            clock=self.clock,
            rng=self.rng,
            log=self.log,
            finished=self._call_finished,
            survey=refresh.on_demand,
            drifted=self._drifted,
            blamed=self.metrics.plugin_fault,
            aborted=self.metrics.upstream_aborted,
        )
        self.metrics.watch_total("retry_budget_exhausted", lambda: self.dispatch.budget.exhausted)
        return refresh

    def _preparation(self, stack: AsyncExitStack) -> Preparation:
        preparation = Preparation(
            home=self.home,
            catalog=self.catalog,
            specs=self.specs,
            settings=lambda: self.settings.snapshot,
        )
        stack.callback(self.settings.subscribe(lambda _old, _new: preparation.changed()))
        return preparation

    def _drifted(self, upstream: str, operation: str, path: str) -> None:
        self.metrics.drift_seen(operation)
        chain = self.settings.snapshot.profiles[upstream].chain
        self.drift.seen(upstream, chain[0] if chain else "", operation, path)

    def _withdraw(self, plugin: LoadedPlugin) -> None:
        """Switch off the routes of a plugin whose lifespan failed."""
        self.metrics.plugin_fault(plugin.name)
        self.withdrawn |= {route.id for route in plugin.routes}

    def _call_finished(self, _plugin: str, record: CallRecord) -> None:
        count_call(self.metrics, record, draining=self.drain.draining)
        self.journal.ended(record)
        self._observers(record)


def _installed(boot: Boot) -> list[PluginSource]:
    return registry.installed(enabled=boot.plugins.enabled, disabled=boot.plugins.disabled)
