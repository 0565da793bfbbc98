"""The plugins: what each brings, and how it fares (F-ADM-31, F-UI-91)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final, Literal, TypeAlias

from anyio import to_thread
from litestar import get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from msgspec.structs import replace

from grokgate import registry
from grokgate.admin.context import CurrentAct, CurrentGateway
from grokgate.admin.panels import STYLES, TEXTS, panel_files
from grokgate.errors import ObjectNotFound
from grokgate.gateway import Gateway
from grokgate.registry import Installed, LoadedPlugin

Health: TypeAlias = Literal["ok", "faulty", "failed", "refused", "off"]
_SETTINGS: Final = ("plugins.enabled", "plugins.disabled")


class PanelRow(Struct, frozen=True, kw_only=True):
    """A page of the admin UI that a plugin brings."""

    id: Annotated[str, Meta(examples=["haiku"])]
    title: Annotated[
        Mapping[str, str],
        Meta(description="By language.", examples=[{"en": "Haiku", "zh": "俳句"}]),
    ]
    module: Annotated[
        str,
        Meta(description="Path below `/ui/plugins/{name}/`.", examples=["panel.js"]),
    ]


class PluginRow(Struct, frozen=True, kw_only=True):
    """One installed plugin."""

    name: Annotated[str, Meta(examples=["images"])]
    version: Annotated[str, Meta(examples=["1.0.0"])]
    bundled: bool
    enabled: Annotated[bool, Meta(description="Loaded at the next start.")]
    needs_restart: Annotated[bool, Meta(description="That is not so yet.")]
    health: Annotated[
        Health,
        Meta(
            description="faulty: a defect was seen; failed: did not start, its routes are off;"
            " refused: not loaded; off: the operator left it out."
        ),
    ]
    error: Annotated[str | None, Meta(description="Why it failed, was refused or silenced.")]
    faults: Annotated[int, Meta(description="Defects seen since the start.")]
    routes: Annotated[list[str], Meta(description="Ids.", examples=[["images"]])] = []
    toggles: Annotated[list[str], Meta(examples=[["enable_images"]])] = []
    models: Annotated[list[str], Meta(examples=[["grok-imagine-1.0"]])] = []
    upstreams: Annotated[list[str], Meta(examples=[["web"]])] = []
    settings: Annotated[list[str], Meta(description="Keys.", examples=[["images.variations"]])] = []
    panels: list[PanelRow] = []
    texts: Annotated[bool, Meta(description="It has `i18n/en.json` and `i18n/zh.json`.")] = False
    styles: Annotated[bool, Meta(description="It has `panel.css`.")] = False
    load_ms: Annotated[float | None, Meta(description="Of its import; null: not loaded.")] = None


class Plugins(Struct, frozen=True, kw_only=True):
    """All installed plugins, in load order, then those that are not loaded."""

    plugins: list[PluginRow]
    status: str = "success"


class SwitchPlugin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether it is to be loaded."""

    enabled: bool


class PluginSwitched(Struct, frozen=True, kw_only=True):
    """The choice was saved."""

    plugin: PluginRow
    message: Annotated[str, Meta(examples=["Saved. It takes effect at the next start."])]
    needs_restart: bool
    status: str = "success"


@get("/plugins", summary="List the plugins")
async def list_plugins(gateway: CurrentGateway) -> Plugins:
    """Return what each brings, and how it fares."""
    return Plugins(plugins=_rows(gateway, await _look(gateway)))


@post("/plugins/{name:str}", status_code=200, summary="Load a plugin at the next start, or not")
async def switch_plugin(
    gateway: CurrentGateway,
    act: CurrentAct,
    name: FromPath[str],
    data: JSONBody[SwitchPlugin],
) -> PluginSwitched:
    """Save whether a plugin is to be loaded; plugins are loaded at a start alone."""
    disk = await _look(gateway)
    row = _row_of(gateway, name, disk)
    act.target, act.detail = name, {"enabled": data.enabled}
    await gateway.settings.change(
        partial(_switched, gateway, row, enabled=data.enabled), at_start=_SETTINGS
    )
    row = _row_of(gateway, name, disk)
    message = "Saved. It takes effect at the next start." if row.needs_restart else "Saved."
    return PluginSwitched(plugin=row, message=message, needs_restart=row.needs_restart)


HANDLERS: Final = (list_plugins, switch_plugin)


def _switched(gateway: Gateway, row: PluginRow, *, enabled: bool) -> dict[str, Any]:
    """Return the lists of the settings with or without a plugin; the others in them stay."""
    coming = gateway.settings.coming
    lists = {key: [other for other in coming[key] if other != row.name] for key in _SETTINGS}
    if row.bundled and not enabled:
        lists["plugins.disabled"].append(row.name)
    if not row.bundled and enabled:
        lists["plugins.enabled"].append(row.name)
    return {"plugins": {key.removeprefix("plugins."): names for key, names in lists.items()}}


class _Disk(Struct, frozen=True):
    """What is read from disk about the plugins."""

    installed: Mapping[str, Installed]
    """All that this environment has, by name."""
    files: Mapping[str, frozenset[str]]
    """Of the panels, by plugin."""


async def _look(gateway: Gateway) -> _Disk:
    return await to_thread.run_sync(_read, gateway.plugins)


def _read(loaded: Sequence[LoadedPlugin]) -> _Disk:
    return _Disk({plugin.name: plugin for plugin in registry.available()}, panel_files(loaded))


def _row_of(gateway: Gateway, name: str, disk: _Disk) -> PluginRow:
    row = next((row for row in _rows(gateway, disk) if row.name == name), None)
    if row is None:
        raise ObjectNotFound("No such plugin is installed.", code="not_found")
    return row


def _rows(gateway: Gateway, disk: _Disk) -> list[PluginRow]:
    loaded = {plugin.name for plugin in gateway.plugins}
    rows = [
        _declaring(gateway, plugin, disk.files.get(plugin.name, frozenset()))
        for plugin in gateway.plugins
    ]
    for name, error in gateway.registry.broken.items():
        known = disk.installed.get(name) or Installed(name=name, version="", bundled=False)
        rows.append(_row(gateway, known, "refused", error.reason))
    named = loaded | gateway.registry.broken.keys()
    rows += [
        _row(gateway, plugin, "off", None)
        for name, plugin in disk.installed.items()
        if name not in named
    ]
    return rows


def _row(
    gateway: Gateway, plugin: LoadedPlugin | Installed, health: Health, error: str | None
) -> PluginRow:
    enabled = _is_enabled(gateway, plugin.name, bundled=plugin.bundled)
    return PluginRow(
        name=plugin.name,
        version=plugin.version,
        bundled=plugin.bundled,
        enabled=enabled,
        needs_restart=enabled == (health == "off"),
        health=health,
        error=error,
        faults=gateway.metrics.plugin_faults.get(plugin.name, 0),
    )


def _declaring(gateway: Gateway, plugin: LoadedPlugin, files: frozenset[str]) -> PluginRow:
    """Tell of a plugin that is loaded: only of those is known what they declare."""
    fields = gateway.settings.fields.values()
    routes = list(dict.fromkeys(route.id for route in plugin.routes))
    return replace(
        _row(gateway, plugin, *_health(gateway, plugin.name)),
        routes=routes,
        toggles=[f"enable_{route}" for route in routes],
        models=[card.id for card in plugin.models],
        upstreams=[spec.id for spec in plugin.upstreams],
        settings=[field.key for field in fields if field.owner == plugin.name and field.section],
        panels=[
            PanelRow(id=panel.id, title=panel.title, module=panel.module) for panel in plugin.panels
        ],
        texts=files.issuperset(TEXTS),
        styles=STYLES in files,
        load_ms=round(plugin.load_ms, 1),
    )


def _is_enabled(gateway: Gateway, name: str, *, bundled: bool) -> bool:
    """Tell whether the plugin is loaded at the next start."""
    coming = gateway.settings.coming
    if name in coming["plugins.disabled"]:
        return False
    return bundled or name in coming["plugins.enabled"]


def _health(gateway: Gateway, name: str) -> tuple[Health, str | None]:
    if name in gateway.failed:
        return "failed", "It did not start; the log says why (plugin_lifespan_failed)."
    if gateway.observers.silenced(name):
        return "faulty", "It is not told of calls any more, after three defects in a row."
    return ("faulty" if gateway.metrics.plugin_faults.get(name) else "ok"), None
