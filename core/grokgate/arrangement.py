"""What plugins and the options of a run make together: upstreams to open, and the settings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grokgate.plugin.records import Settings
from grokgate.registry import LoadedPlugin
from grokgate.run_options import RunOptions
from grokgate.settings import Declaration, SettingsStore, Switch
from grokgate.settings.fields import Fault
from grokgate.settings.media import SWITCHES
from grokgate.settings.models import ModelsSettings, arrange
from grokgate.settings.snapshot import Get
from grokgate.upstream import UpstreamSpec

PROFILES = "profiles"
"""Folder of the data folder that holds the operator's own protocol profiles."""


class Arrangement:
    """The upstreams and settings of one run.

    Args:
        plugins: Those that loaded, in load order.
        upstreams: What they declare, by id.
        options: Where the data lies, and what this run lays over the settings.
        log: A bound structlog logger.
    """

    def __init__(
        self,
        plugins: Sequence[LoadedPlugin],
        upstreams: Mapping[str, UpstreamSpec],
        options: RunOptions,
        log: Any,
    ) -> None:
        self._plugins = plugins
        self._options = options
        self._log = log
        self._pointers = self._sandbox_pointers(upstreams)
        self.specs: Mapping[str, UpstreamSpec] = {
            name: self._placed(spec)
            for name, spec in upstreams.items()
            if options.sandbox is None or name in self._pointers
        }
        """Upstreams to open: with a sandbox, only those that can be pointed there."""
        self.owners = {spec.id: plugin.name for plugin in plugins for spec in plugin.upstreams}
        """Name of the plugin, by upstream."""

    @property
    def declarations(self) -> list[Declaration]:
        """Settings sections of the plugins."""
        return [
            Declaration(plugin.name, plugin.settings)
            for plugin in self._plugins
            if plugin.settings is not None
        ]

    @property
    def switches(self) -> list[Switch]:
        """Switches of all routes, the core's first."""
        return [
            *SWITCHES,
            *(
                Switch(route.id, plugin.name, route.default_enabled, route.requires)
                for plugin in self._plugins
                for route in plugin.routes
            ),
        ]

    def load_settings(self, environ: Mapping[str, str]) -> SettingsStore:
        """Read the settings, those that point upstreams at the sandbox laid over them."""
        specs = self.specs
        pointed = {key: value for each in self._pointers.values() for key, value in each.items()}
        sections = {plugin.name: plugin.settings for plugin in self._plugins}
        # What one process writes to its own file no other one would ever read.
        shared = {"storage.config": "database"} if environ.get("SERVER_REDIS_URL") else {}
        return SettingsStore.load(
            data_dir=self._options.data_dir,
            declarations=self.declarations,
            switches=self.switches,
            profiles={
                name: _profile(spec, sections[self.owners[name]]) for name, spec in specs.items()
            },
            environ=environ,
            overlay={**pointed, **shared, **self._options.overlay},
            log=self._log,
            create=not self._options.look_only,
            checks={key: check for spec in specs.values() for key, check in spec.checks.items()},
            judges=[self._judge_models],
        )

    def _judge_models(self, get: Get) -> Iterable[Fault]:
        """Find what of the operator's own cards clashes, or refers to nothing (F-MOD-06)."""
        section = get(ModelsSettings)
        assert isinstance(section, ModelsSettings)
        return arrange((card for plugin in self._plugins for card in plugin.models), section).faults

    def _sandbox_pointers(
        self, upstreams: Mapping[str, UpstreamSpec]
    ) -> dict[str, Mapping[str, Any]]:
        """Return the settings that point each upstream at the sandbox, where there is one."""
        pointers: dict[str, Mapping[str, Any]] = {}
        for name, spec in upstreams.items():
            if self._options.sandbox is None or spec.sandbox is None:
                continue
            try:
                pointers[name] = spec.sandbox(self._options.sandbox)
            except Exception:  # noqa: BLE001 - a fence: the upstream stays closed
                self._log.exception("upstream_without_sandbox", upstream=name)
        return pointers

    def _placed(self, spec: UpstreamSpec) -> UpstreamSpec:
        """Let *spec* see the operator's own profiles."""
        if spec.placed is None:
            return spec
        try:
            return spec.placed(self._options.data_dir / PROFILES)
        except Exception:  # noqa: BLE001 - a fence: the bundled profiles are still there
            self._log.exception("upstream_without_own_profiles", upstream=spec.id)
            return spec


def _profile(spec: UpstreamSpec, section: type[Settings] | None) -> Any:
    return lambda get: spec.profile(get(section or Settings))
