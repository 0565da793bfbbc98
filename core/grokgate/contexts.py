"""What a plugin gets to see of the gateway."""

from typing import Any, Protocol

from grokgate.catalog import Catalog
from grokgate.dispatch import Dispatch
from grokgate.fetch import GuardedFetch
from grokgate.jobs import Jobs as AllJobs
from grokgate.keys import KeyRing
from grokgate.media import Files as AllFiles
from grokgate.media import Forms as AllForms
from grokgate.media import Pictures
from grokgate.objects import ObjectStore
from grokgate.permits import Permits as AllPermits
from grokgate.plugin.context import (
    Dispatcher,
    Fetch,
    Files,
    Forms,
    Jobs,
    Media,
    Models,
    Objects,
    Permits,
)
from grokgate.plugin.records import Caller, Settings
from grokgate.registry import LoadedPlugin
from grokgate.settings import SettingsStore, Snapshot
from grokgate.upstream import Clock


class Services(Protocol):
    """What contexts look up in a gateway; from ``objects`` on it exists while it runs."""

    catalog: Catalog
    clock: Clock
    log: Any
    settings: SettingsStore
    jobs: AllJobs
    permits: AllPermits
    objects: ObjectStore
    dispatch: Dispatch
    fetch: GuardedFetch
    files: AllFiles
    media: Pictures
    forms: AllForms
    keys: KeyRing

    def anonymous(self) -> Caller | None:
        """Return the caller to assume without a key; None: a key is needed."""
        ...

    def find_caller(self, text: str, /) -> Caller | None:
        """Return whose key *text* is; None: nobody's."""
        ...


class Context:
    """A plugin's view of the gateway (`grokgate.plugin.PluginContext`)."""

    def __init__(self, gateway: Services, plugin: LoadedPlugin) -> None:
        self._gateway = gateway
        self._section = plugin.settings or Settings
        self.plugin = plugin.name
        self.models: Models = gateway.catalog
        self.jobs: Jobs = gateway.jobs.for_plugin(plugin.name)
        self.permits: Permits = gateway.permits
        self.clock = gateway.clock
        self.log = gateway.log.bind(plugin=plugin.name)

    @property
    def dispatcher(self) -> Dispatcher:
        """Leases accounts for this plugin's calls."""
        return self._gateway.dispatch.for_plugin(self.plugin)

    @property
    def objects(self) -> Objects:
        """What this plugin keeps for clients."""
        return self._gateway.objects.for_plugin(self.plugin)

    @property
    def fetch(self) -> Fetch:
        """The guarded way to an address that a client gave."""
        return self._gateway.fetch

    @property
    def files(self) -> Files:
        """What clients uploaded to ``/v1/files``."""
        return self._gateway.files

    @property
    def media(self) -> Media:
        """Generated pictures and videos."""
        return self._gateway.media

    @property
    def forms(self) -> Forms:
        """Reads multipart bodies."""
        return self._gateway.forms

    @property
    def settings(self) -> Any:
        """The plugin's section now."""
        return self._gateway.settings.snapshot.get(self._section)

    @property
    def shared(self) -> Snapshot:
        """Core sections of the same snapshot."""
        return self._gateway.settings.snapshot


class CoreContext:
    """What the core's own routes work with."""

    def __init__(self, gateway: Services) -> None:
        self._gateway = gateway

    @property
    def files(self) -> AllFiles:
        """What clients uploaded to ``/v1/files``."""
        return self._gateway.files

    @property
    def media(self) -> Pictures:
        """Stored pictures and videos."""
        return self._gateway.media

    @property
    def forms(self) -> AllForms:
        """Reads multipart bodies."""
        return self._gateway.forms

    @property
    def settings(self) -> Snapshot:
        """All settings now."""
        return self._gateway.settings.snapshot

    def find_key(self, text: str) -> Caller | None:
        """Return the caller of a key, in constant time."""
        return self._gateway.find_caller(text)

    def anonymous(self) -> Caller | None:
        """Return the caller to assume without a key; None: a key is needed."""
        return self._gateway.anonymous()
