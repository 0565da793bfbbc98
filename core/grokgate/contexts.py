"""What a plugin gets to see of the gateway."""

from typing import Any, Protocol

from grokgate.catalog import Catalog
from grokgate.dispatch import Dispatch
from grokgate.fetch import GuardedFetch
from grokgate.plugin.context import Dispatcher, Fetch, Models
from grokgate.plugin.records import Settings
from grokgate.registry import LoadedPlugin
from grokgate.settings import SettingsStore, Snapshot
from grokgate.upstream import Clock


class Services(Protocol):
    """What contexts look up in a gateway; the last two exist while it runs."""

    catalog: Catalog
    clock: Clock
    log: Any
    settings: SettingsStore
    dispatch: Dispatch
    fetch: GuardedFetch


class Context:
    """A plugin's view of the gateway (`grokgate.plugin.PluginContext`)."""

    def __init__(self, gateway: Services, plugin: LoadedPlugin) -> None:
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
