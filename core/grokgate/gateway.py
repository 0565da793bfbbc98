"""Builds and owns everything of one process.

Start: plugins → settings → stores → home → drivers → lifespans → command socket → background work
→ listen. Stop, in reverse: background work cancelled, lifespans left, drivers closed, settlements
flushed, stores closed. One `AsyncExitStack` in `Gateway.run` keeps that order whatever fails.
"""

import asyncio
import ipaddress
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import anyio
import structlog

from grokgate import control, registry
from grokgate.catalog import Catalog, Usable
from grokgate.clock import SystemClock
from grokgate.control import Operations
from grokgate.dispatch import Dispatch
from grokgate.drain import Drain
from grokgate.errors import StartupError
from grokgate.fetch import GuardedFetch
from grokgate.keys import KeyRing
from grokgate.observers import Observers
from grokgate.plugin.context import Dispatcher, Fetch, Models
from grokgate.plugin.records import Caller, CallRecord, Settings
from grokgate.refresh import Refresh
from grokgate.registry import LoadedPlugin, PluginSource
from grokgate.run_options import RunOptions
from grokgate.scheduler.cost import CostTable
from grokgate.scheduler.memory import MemoryHome
from grokgate.settings import (
    Boot,
    Declaration,
    SettingsStore,
    Snapshot,
    Switch,
    read_boot,
    setting_keys,
)
from grokgate.storage.meta import begin_run, end_run
from grokgate.stores import Stores, open_stores
from grokgate.telemetry import Metrics
from grokgate.tokens import TokenRecord, TokenStore
from grokgate.upstream import Clock, Tier, UpstreamContext, UpstreamSpec
from grokgate.upstreams import Upstreams, order

_RESTART_S = 1.0
"""Pause before background work that failed is begun again."""
LIFESPAN_S = 30.0
"""Seconds a plugin has to start, and again to stop."""
_ANONYMOUS = Caller(key_id="anonymous", name="anonymous")


class Context:
    """A plugin's view of the gateway (`grokgate.plugin.PluginContext`)."""

    def __init__(self, gateway: "Gateway", plugin: LoadedPlugin) -> None:
        self._gateway = gateway
        self._section = plugin.settings or Settings
        self.plugin = plugin.name
        self.models: Models = gateway.catalog
        self.clock = gateway.clock
        self.log = gateway.log.bind(plugin=plugin.name)

    @property
    def dispatcher(self) -> Dispatcher:
        """Leases accounts for this plugin's calls."""
        return self._gateway.dispatch.for_plugin(self.plugin)

    @property
    def fetch(self) -> Fetch:
        """The guarded way to an address that a client gave."""
        return self._gateway.fetch

    @property
    def settings(self) -> Any:
        """The plugin's section now."""
        return self._gateway.settings.snapshot.get(self._section)

    @property
    def shared(self) -> Snapshot:
        """Core sections of the same snapshot."""
        return self._gateway.settings.snapshot


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
        pointers = self._sandbox_pointers()
        self.specs: Mapping[str, UpstreamSpec] = {
            name: spec
            for name, spec in self.registry.upstreams.items()
            if options.sandbox is None or name in pointers
        }
        """Upstreams to open: with a sandbox, only those that can be pointed there."""
        self.settings = self._load_settings(pointers)
        self.catalog = Catalog(
            (card for plugin in self.plugins for card in plugin.models),
            order=self._upstream_order,
            snapshot=lambda: self.settings.snapshot,
            enabled=lambda: self.enabled_routes,
            usable=self._usable,
        )
        self.metrics = Metrics()
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
        allowed = self.settings.snapshot.app.allow_anonymous and self._on_loopback()
        return _ANONYMOUS if allowed else None

    @property
    def declarations(self) -> list[Declaration]:
        """Settings sections of the plugins."""
        return [
            Declaration(plugin.name, plugin.settings)
            for plugin in self.plugins
            if plugin.settings is not None
        ]

    @property
    def switches(self) -> list[Switch]:
        """Switches of all routes."""
        return [
            Switch(route.id, plugin.name, route.default_enabled, route.requires)
            for plugin in self.plugins
            for route in plugin.routes
        ]

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
            stores = await stack.enter_async_context(
                open_stores(
                    self.boot, self._environ, specs=self.specs, clock=self.clock, log=self.log
                )
            )
            await self._open_keys(stores)
            await self._erase_removed()
            await self._open_home(stack, stores)
            upstreams = await stack.enter_async_context(self._upstreams().open())
            refresh = self._open_dispatch(upstreams)
            self.fetch = GuardedFetch(
                lambda: self.settings.snapshot.limits, self.options.data_dir / "tmp", log=self.log
            )
            await self._enter_lifespans(stack)
            operations = Operations(self.tokens, self.keys)
            await stack.enter_async_context(
                control.serve(self.options.data_dir, operations, log=self.log)
            )
            if self.options.sandbox_accounts:
                await self.tokens.import_text(self.options.sandbox_accounts)
            await stack.enter_async_context(
                self._background(self.settings.run, self.home.run, refresh.run)
            )
            self._ready = True
            try:
                yield
            finally:
                self._ready = False

    # -- what the settings and plugins make --------------------------------------------------

    def _sandbox_pointers(self) -> dict[str, Mapping[str, Any]]:
        """Return the settings that point each upstream at the sandbox, where there is one."""
        pointers: dict[str, Mapping[str, Any]] = {}
        for name, spec in self.registry.upstreams.items():
            if self.options.sandbox is None or spec.sandbox is None:
                continue
            try:
                pointers[name] = spec.sandbox(self.options.sandbox)
            except Exception:  # a fence: the upstream stays closed
                self.log.exception("upstream_without_sandbox", upstream=name)
        return pointers

    def _load_settings(self, pointers: Mapping[str, Mapping[str, Any]]) -> SettingsStore:
        pointed = {key: value for pointer in pointers.values() for key, value in pointer.items()}
        owners = {spec.id: plugin for plugin in self.plugins for spec in plugin.upstreams}
        return SettingsStore.load(
            data_dir=self.options.data_dir,
            declarations=self.declarations,
            switches=self.switches,
            profiles={
                name: _profile(spec, owners[name].settings) for name, spec in self.specs.items()
            },
            environ=self._environ,
            overlay={**pointed, **self.options.overlay},
            log=self.log,
            create=not self.options.look_only,
        )

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

    def _on_loopback(self) -> bool:
        host = self.boot.server.host
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    # -- what a start opens ------------------------------------------------------------------

    async def _open_keys(self, stores: Stores) -> None:
        self.keys, self.tokens = stores.keys, stores.tokens
        self.objects = stores.objects
        if self.settings.snapshot.app.allow_anonymous and not self._on_loopback():
            raise StartupError(
                "app.allow_anonymous works only while the listen address is loopback. Unset it, "
                "or set SERVER_HOST=127.0.0.1."
            )
        self._take_config_keys(self.settings.snapshot)
        self.settings.subscribe(lambda _old, new: self._take_config_keys(new))
        self.first_key = await self.keys.ensure_first_key()

    def _take_config_keys(self, snapshot: Snapshot) -> None:
        refused = self.keys.set_config_keys(snapshot.app.api_key, loopback=self._on_loopback())
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
        self.home = MemoryHome(
            specs=self.specs.values(),
            settings=lambda: self.settings.snapshot,
            clock=self.clock,
            rng=self.rng,
            log=self.log,
            writer=self.tokens.write_states,
        )
        async with stores.database.write() as connection:
            clean = await begin_run(connection)
        self.home.load(self.tokens.records.values(), unclean=not clean)

        async def close() -> None:
            await self.home.aclose()
            async with stores.database.write() as connection:
                await end_run(connection)

        stack.push_async_callback(close)
        self.metrics.watch("leases_open", lambda: self.home.view().leases_open)
        self.metrics.watch("queue_depth", lambda: self.home.view().queue_depth)
        self.metrics.watch("ledger_imbalance", lambda: self.home.view().ledger_imbalance)
        self.metrics.watch_labelled("tokens", ("pool", "status"), self._count_tokens)

    def _count_tokens(self) -> dict[tuple[str, ...], float]:
        return dict(self.home.view().tokens.items())

    def _upstreams(self) -> Upstreams:
        contexts = {
            spec.id: UpstreamContext(
                settings=partial(getattr, self._contexts[plugin.name], "settings"),
                log=self._contexts[plugin.name].log,
                clock=self.clock,
            )
            for plugin in self.plugins
            for spec in plugin.upstreams
            if spec.id in self.specs
        }
        return Upstreams(self.specs, contexts, self.tokens.records)

    def _open_dispatch(self, upstreams: Upstreams) -> Refresh:
        refresh = Refresh(
            home=self.home,
            upstreams=upstreams,
            records=self.tokens.records,
            buckets=self.catalog.buckets,
            settings=lambda: self.settings.snapshot,
            clock=self.clock,
            rng=self.rng,
            log=self.log,
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
            rules=CostTable(rule for plugin in self.plugins for rule in plugin.cost_rules),
            settings=lambda: self.settings.snapshot,
            clock=self.clock,
            rng=self.rng,
            log=self.log,
            finished=self._call_finished,
            survey=refresh.on_demand,
            drifted=lambda _upstream, operation, _path: self.metrics.drift_seen(operation),
        )
        return refresh

    def _call_finished(self, _plugin: str, record: CallRecord) -> None:
        if record.observation is not None:
            self.metrics.attempt_finished(record.observation.kind)
        self._observers(record)

    @asynccontextmanager
    async def _background(self, *works: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        """Keep *works* running until the context is left."""
        inside: Exception | None = None
        async with anyio.create_task_group() as group:
            for work in works:
                group.start_soon(self._keep_running, work)
            try:
                yield
            except Exception as error:  # noqa: BLE001 - raised below: the group would wrap it
                inside = error
            group.cancel_scope.cancel()
        if inside is not None:
            raise inside

    async def _keep_running(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run *work* until cancelled; a defect of it ends neither the others nor the service."""
        while True:
            try:
                await work()
            except Exception:  # a fence: logged with its owner, then begun again
                self.log.exception("background_failed", work=work.__qualname__)
            await anyio.sleep(_RESTART_S)

    async def _enter_lifespans(self, stack: AsyncExitStack) -> None:
        """Enter the plugins' lifespans; one that fails costs its plugin's routes, not the start."""
        for plugin in self.plugins:
            hook = self.registry.caller(plugin.name, "grokgate_lifespan")
            try:
                for lifespan in hook(ctx=self._contexts[plugin.name]):
                    await stack.enter_async_context(self._fenced(plugin.name, lifespan))
            except Exception:
                self.log.exception("plugin_lifespan_failed", plugin=plugin.name)
                self.metrics.plugin_fault(plugin.name)
                self.withdrawn |= {route.id for route in plugin.routes}

    @asynccontextmanager
    async def _fenced(
        self, plugin: str, lifespan: AbstractAsyncContextManager[None]
    ) -> AsyncIterator[None]:
        """Enter *lifespan*; what it raises when it is left is logged, and the stop goes on."""
        # No scope of anyio: a lifespan may open a task group that outlives its entry.
        async with asyncio.timeout(LIFESPAN_S):
            await lifespan.__aenter__()
        try:
            yield
        finally:
            try:
                async with asyncio.timeout(LIFESPAN_S):
                    await lifespan.__aexit__(None, None, None)
            except Exception:
                self.log.exception("plugin_lifespan_failed", plugin=plugin)


def _installed(boot: Boot) -> list[PluginSource]:
    return registry.installed(enabled=boot.plugins.enabled, disabled=boot.plugins.disabled)


def _profile(spec: UpstreamSpec, section: type[Settings] | None) -> Any:
    return lambda get: spec.profile(get(section or Settings))
