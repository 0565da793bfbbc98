"""``grokgate plugins``: list, check and start plugins."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from grokgate.cli.inspection import inspect_gateway
from grokgate.cli.notes import silent_log
from grokgate.cli.scaffold import is_plugin_name, render
from grokgate.cli.table import print_table
from grokgate.errors import StartupError
from grokgate.gateway import Gateway
from grokgate.registry import LoadedPlugin, installed

_SLOW_MS = 200


def show(_arguments: argparse.Namespace) -> None:
    """List plugins with their version and what they contribute; for refused ones why."""
    gateway = inspect_gateway(silent_log())
    rows = [
        {
            "plugin": plugin.name,
            "version": plugin.version,
            "kind": "bundled" if plugin.bundled else "foreign",
            "contributes": _contributions(plugin),
        }
        for plugin in gateway.plugins
    ]
    rows += [
        {"plugin": name, "version": "", "kind": "refused", "contributes": error.reason}
        for name, error in gateway.registry.broken.items()
    ]
    print_table(rows, empty="No plugins are installed.")


def check(_arguments: argparse.Namespace) -> int:
    """Load everything, print contributions, and fail when anything is wrong."""
    gateway = inspect_gateway(silent_log())
    for plugin in gateway.plugins:
        print(f"{plugin.name}: {_contributions(plugin)}")
    for text in _notes(gateway):
        print(f"note: {text}")
    broken = gateway.registry.broken
    for name, error in broken.items():
        print(f"fault: plugin {name} was refused: {error.reason}")
    print(f"{len(broken) or 'no'} fault{'' if len(broken) == 1 else 's'}")
    return 1 if broken else 0


def new(arguments: argparse.Namespace) -> None:
    """Write the folder of a new plugin package."""
    name: str = arguments.name
    if not is_plugin_name(name):
        raise StartupError(f"{name!r} is no plugin name: lower-case words joined by _")
    if name in {source.name for source in installed(enabled=(), disabled=())}:
        raise StartupError(f"{name!r} is the name of a bundled plugin; choose another one")
    folder = Path(arguments.into) / f"grokgate-{name.replace('_', '-')}"
    if folder.exists():
        raise StartupError(f"{folder} exists already; choose another name or folder")
    for path, text in render(name).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    print(
        f"wrote {folder}\n\n"
        "Next, in the environment Grokgate runs in:\n"
        f"  {_installer()} -e {folder}\n"
        f'then set  enabled = ["{name}"]  below [plugins] in config.toml, and restart.'
    )


def _installer() -> str:
    """Name a command that can install here: a checkout's environment has uv and no pip."""
    uv = Path(sys.prefix).parent / ".uv" / "bin" / "uv"
    if uv.exists():
        return f"{os.path.relpath(uv)} pip install --python {os.path.relpath(sys.executable)}"
    return f"{sys.executable} -m pip install"


def _contributions(plugin: LoadedPlugin) -> str:
    parts = [
        *(f"route {route.id}" for route in plugin.routes),
        *(f"upstream {spec.id}" for spec in plugin.upstreams),
        *(f"panel {panel.id}" for panel in plugin.panels),
    ]
    if plugin.models:
        parts.append(f"{len(plugin.models)} models")
    if plugin.cost_rules:
        parts.append(f"{len(plugin.cost_rules)} cost rules")
    if plugin.settings is not None:
        parts.append(f"{len(plugin.settings.__struct_fields__)} settings")
    return ", ".join(parts) or "nothing"


def _notes(gateway: Gateway) -> Iterator[str]:
    for plugin in gateway.plugins:
        if plugin.load_ms > _SLOW_MS:
            yield f"plugin {plugin.name} took {plugin.load_ms:.0f} ms to load"
    unserved = gateway.catalog.unserved()
    if unserved:
        yield f"no active upstream serves: {', '.join(unserved)}"
