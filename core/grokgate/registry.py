"""Finds plugins, collects what they declare, and keeps the broken ones apart.

Plugins load one at a time, in this order: import, register, collect, check. A fault at any step
undoes the registration and is remembered under the plugin's name; the service goes on without it.

1. Bundled plugins first, by name, unless ``plugins.disabled`` names them.
2. Foreign plugins in the order of ``plugins.enabled``; nothing else is even imported.
3. What two plugins both claim (route id, method and path, model, upstream, pool, setting key) is
   refused to the later one, and the message names both; so is what one plugin claims twice.
4. Routes that the framework could not mount are refused here, where one plugin can be kept apart,
   rather than at the start of the application.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import pluggy
from litestar import Litestar, Router
from litestar.di import Provide
from msgspec import Struct

from grokgate.errors import PluginError
from grokgate.plugin import hookspecs
from grokgate.plugin.records import AdminPanel, CostRule, ModelCard, RouteSpec, Settings
from grokgate.upstream import UpstreamSpec

GROUP = "grokgate.plugins"
R = TypeVar("R")
CORE = "core"
"""Owner of what no plugin may claim."""
_CORE_ROUTES = (
    *("GET /health", "GET /ready", "GET /metrics"),
    *("GET /v1/files", "POST /v1/files"),
    *("GET /v1/files/{}", "DELETE /v1/files/{}", "GET /v1/files/{}/content"),
    *(
        f"{method} {path}"
        for path in (
            *("/v1/files/image", "/v1/files/image/{}", "/images/{}"),
            *("/v1/files/video", "/v1/files/video/{}"),
        )
        for method in ("GET", "HEAD")
    ),
    "POST /v1/uploads/image",
)
_CORE_IDS = ("files", "uploads")
_ID = re.compile(r"[a-z][a-z0-9_]*\Z")
_MODULE = re.compile(r"(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-][A-Za-z0-9_.-]*\.m?js\Z")
_LANGUAGES = ("en", "zh")
_PARAMETER = re.compile(r"\{[^}]*\}")

SettingKeys = Callable[[str, type[Settings]], Iterable[str]]
"""Plugin name and section → the full setting keys it owns."""
CheckRules = Callable[[Iterable[CostRule]], object]
"""Raises ValueError when a cost rule is invalid or two clash."""


class PluginSource(Struct, frozen=True, kw_only=True):
    """Where one plugin comes from."""

    name: str
    load: Callable[[], Any]
    """Imports and returns the plugin's module or object."""
    bundled: bool
    version: str = ""


class LoadedPlugin(Struct, frozen=True, kw_only=True):
    """Everything one plugin declared, checked."""

    name: str
    module: Any
    bundled: bool
    version: str
    settings: type[Settings] | None
    upstreams: tuple[UpstreamSpec, ...]
    models: tuple[ModelCard, ...]
    cost_rules: tuple[CostRule, ...]
    routes: tuple[RouteSpec, ...]
    panels: tuple[AdminPanel, ...]
    load_ms: float
    """Time that import and hooks took."""


class Registry(Struct, frozen=True):
    """The plugins of one process; fixed at start."""

    plugins: tuple[LoadedPlugin, ...]
    broken: Mapping[str, PluginError]
    """By plugin name; why it was refused."""
    manager: pluggy.PluginManager

    @property
    def upstreams(self) -> dict[str, UpstreamSpec]:
        """Declared upstreams by id, in load order."""
        return {spec.id: spec for plugin in self.plugins for spec in plugin.upstreams}

    def caller(self, name: str, hook: str) -> pluggy.HookCaller:
        """Return the hook *hook* as implemented by plugin *name* alone."""
        return _caller(self.manager, name, hook)

    def implements(self, name: str, hook: str) -> bool:
        """Tell whether plugin *name* implements *hook*."""
        return bool(self.caller(name, hook).get_hookimpls())


def installed(
    *,
    enabled: Sequence[str],
    disabled: Sequence[str],
    points: Iterable[EntryPoint] | None = None,
) -> list[PluginSource]:
    """List the installed plugins that are to be loaded, in load order.

    A name in *enabled* that no installed package declares, or several do, yields a source whose
    load fails, so that the mistake is reported like any other broken plugin. A foreign package
    cannot take the name of a bundled plugin.

    Args:
        enabled: Names of foreign plugins.
        disabled: Names that are left out.
        points: Where to look; None: what this environment has installed.
    """
    points = tuple(entry_points(group=GROUP) if points is None else points)
    bundled = {point.name: point for point in points if _is_bundled(point)}
    foreign: dict[str, list[EntryPoint]] = {}
    for point in points:
        if not _is_bundled(point):
            foreign.setdefault(point.name, []).append(point)
    return [
        *(_source(bundled[name], bundled=True) for name in sorted(bundled) if name not in disabled),
        *(
            _foreign(name, foreign.get(name, []))
            for name in dict.fromkeys(enabled)
            if name not in bundled and name not in disabled
        ),
    ]


class Installed(Struct, frozen=True, kw_only=True):
    """A plugin that this environment has, loaded or not."""

    name: str
    version: str
    bundled: bool


def available(points: Iterable[EntryPoint] | None = None) -> list[Installed]:
    """List every installed plugin without importing it, bundled ones first.

    Args:
        points: Where to look; None: what this environment has installed.
    """
    points = tuple(entry_points(group=GROUP) if points is None else points)
    found: dict[str, Installed] = {}
    for point in sorted(points, key=lambda point: (not _is_bundled(point), point.name)):
        version = point.dist.version if point.dist is not None else ""
        plugin = Installed(name=point.name, version=version, bundled=_is_bundled(point))
        found.setdefault(point.name, plugin)
    return list(found.values())


def load(
    sources: Iterable[PluginSource],
    *,
    setting_keys: SettingKeys,
    check_rules: CheckRules,
    log: Any,
) -> Registry:
    """Load *sources* one at a time; what fails is logged once and kept in `Registry.broken`."""
    manager = pluggy.PluginManager("grokgate")
    manager.add_hookspecs(hookspecs)
    claims = _Claims(setting_keys, check_rules)
    plugins: list[LoadedPlugin] = []
    broken: dict[str, PluginError] = {}
    for source in sources:
        try:
            plugins.append(_load_one(manager, claims, source))
        except (Exception, SystemExit) as error:  # a fence: what a plugin does wrong stays its own
            reason = error.reason if isinstance(error, PluginError) else _describe(error)
            broken[source.name] = PluginError(source.name, reason)
            log.exception("plugin_refused", plugin=source.name, reason=reason)
    return Registry(plugins=tuple(plugins), broken=broken, manager=manager)


def _load_one(
    manager: pluggy.PluginManager, claims: "_Claims", source: PluginSource
) -> LoadedPlugin:
    began = time.perf_counter()
    if not _ID.match(source.name):
        raise PluginError(source.name, "the name must be lower-case letters, digits and _")
    if manager.has_plugin(source.name):
        raise PluginError(source.name, "another plugin has this name")
    module = source.load()
    manager.register(module, name=source.name)
    try:
        manager.check_pending()
        plugin = _collect(manager, source, module, began)
        _try_mounting(plugin)
        claims.take(plugin)
    except BaseException:
        manager.unregister(name=source.name)
        raise
    return plugin


def _collect(
    manager: pluggy.PluginManager, source: PluginSource, module: Any, began: float
) -> LoadedPlugin:
    def ask(hook: str) -> list[Any]:
        return [result for result in _caller(manager, source.name, hook)() if result is not None]

    sections = ask("grokgate_settings")
    for section in sections:
        if not (isinstance(section, type) and issubclass(section, Settings)):
            raise PluginError(source.name, "grokgate_settings must return a subclass of Settings")
    return LoadedPlugin(
        name=source.name,
        module=module,
        bundled=source.bundled,
        version=source.version,
        settings=sections[0] if sections else None,
        upstreams=_records(source.name, "grokgate_upstreams", UpstreamSpec, ask),
        models=_records(source.name, "grokgate_models", ModelCard, ask),
        cost_rules=_records(source.name, "grokgate_cost_rules", CostRule, ask),
        routes=_records(source.name, "grokgate_routes", RouteSpec, ask),
        panels=_records(source.name, "grokgate_admin_panels", AdminPanel, ask),
        load_ms=(time.perf_counter() - began) * 1000,
    )


def _records(
    plugin: str, hook: str, kind: type[R], ask: Callable[[str], list[Any]]
) -> tuple[R, ...]:
    records: list[R] = []
    for result in ask(hook):
        for record in result:
            if not isinstance(record, kind):
                found = type(record).__name__
                raise PluginError(plugin, f"{hook} must yield {kind.__name__}, not {found}")
            records.append(record)
    return tuple(records)


def _try_mounting(plugin: LoadedPlugin) -> None:
    """Build an application of the plugin's routes alone; raises what the framework objects to."""

    async def context() -> None: ...
    async def caller() -> None: ...
    async def content() -> None: ...

    if plugin.routes:
        handlers = [handler for route in plugin.routes for handler in route.handlers]
        provided = {"ctx": context, "caller": caller, "content": content}
        dependencies = {name: Provide(provide) for name, provide in provided.items()}
        router = Router("/", route_handlers=handlers, dependencies=dependencies)
        Litestar([router], openapi_config=None, logging_config=None)


class _Claims:
    """What is taken already, and by whom."""

    def __init__(self, setting_keys: SettingKeys, check_rules: CheckRules) -> None:
        self._owners = {
            **{("route", route): CORE for route in _CORE_ROUTES},
            **{("route id", route_id): CORE for route_id in _CORE_IDS},
        }
        self._rules: tuple[CostRule, ...] = ()
        self._setting_keys = setting_keys
        self._check_rules = check_rules

    def take(self, plugin: LoadedPlugin) -> None:
        """Claim all that *plugin* declares, or nothing.

        Raises:
            PluginError: Somebody else has one of them; names both.
            ValueError: A cost rule is invalid or clashes.
        """
        wanted: dict[tuple[str, str], str] = {}
        for claim in self._claims(plugin):
            owner = self._owner(claim) or wanted.get(claim)
            if owner:
                kind, name = claim
                reason = f"{kind} {name!r} is already taken by plugin {owner!r}"
                raise PluginError(plugin.name, reason)
            wanted[claim] = plugin.name
        rules = (*self._rules, *plugin.cost_rules)
        self._check_rules(rules)
        self._owners.update(wanted)
        self._rules = rules

    def _owner(self, claim: tuple[str, str]) -> str | None:
        kind, name = claim
        if kind != "setting":
            return self._owners.get(claim)
        # A key is also taken where it would be a section of another key, or lie inside of one.
        taken = ((key, owner) for (of_kind, key), owner in self._owners.items() if of_kind == kind)
        return next((owner for key, owner in taken if _overlap(key, name)), None)

    def _claims(self, plugin: LoadedPlugin) -> Iterator[tuple[str, str]]:
        if plugin.settings is not None:
            for key in self._setting_keys(plugin.name, plugin.settings):
                yield "setting", key
        for spec in plugin.upstreams:
            yield "upstream", spec.id
            for pool in spec.pools:
                yield "pool", pool.name
        for card in plugin.models:
            for name in (card.id, *card.aliases):
                yield "model", name
        for route in plugin.routes:
            yield from _route_claims(plugin.name, route)
        for panel in plugin.panels:
            yield _panel_claim(plugin.name, panel)


def _overlap(key: str, other: str) -> bool:
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def _route_claims(plugin: str, route: RouteSpec) -> Iterator[tuple[str, str]]:
    if not _ID.match(route.id):
        raise PluginError(plugin, f"route id {route.id!r} must be lower-case letters, digits and _")
    yield "route id", route.id
    if not route.handlers:
        raise PluginError(plugin, f"route {route.id!r} has no handlers")
    for handler in route.handlers:
        methods = sorted(getattr(handler, "http_methods", None) or ("WEBSOCKET",))
        for path in sorted(handler.paths):
            normal = "/" + _PARAMETER.sub("{}", path).strip("/")
            for method in methods:
                yield "route", f"{method} {normal}"


def _panel_claim(plugin: str, panel: AdminPanel) -> tuple[str, str]:
    if not _ID.match(panel.id):
        raise PluginError(plugin, f"panel {panel.id!r} must be lower-case letters, digits and _")
    if not all(panel.title.get(language) for language in _LANGUAGES):
        raise PluginError(plugin, f"panel {panel.id!r} needs a title in en and zh")
    if not _MODULE.match(panel.module):
        reason = f"panel {panel.id!r}: the module must be a path below static/, such as panel.js"
        raise PluginError(plugin, reason)
    return "panel", f"{plugin}/{panel.id}"


def _caller(manager: pluggy.PluginManager, name: str, hook: str) -> pluggy.HookCaller:
    others = [plugin for other, plugin in manager.list_name_plugin() if other != name and plugin]
    return manager.subset_hook_caller(hook, remove_plugins=others)


def _is_bundled(point: EntryPoint) -> bool:
    return point.dist is not None and point.dist.name == "grokgate"


def _source(point: EntryPoint, *, bundled: bool) -> PluginSource:
    version = point.dist.version if point.dist is not None else ""
    return PluginSource(name=point.name, load=point.load, bundled=bundled, version=version)


def _foreign(name: str, points: Sequence[EntryPoint]) -> PluginSource:
    if len(points) == 1:
        return _source(points[0], bundled=False)
    packages = " and ".join(sorted(point.dist.name if point.dist else "?" for point in points))
    declared = f"{packages} declare it" if points else "no installed package declares it"

    def load() -> Any:
        raise PluginError(name, f"{declared} in the group {GROUP!r}")

    return PluginSource(name=name, load=load, bundled=False)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
