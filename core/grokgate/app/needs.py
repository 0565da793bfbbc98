"""What the application needs of a gateway."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from grokgate.bus import Places
from grokgate.http.accounting import RequestMetrics
from grokgate.http.rights import Drain
from grokgate.objects import Replies
from grokgate.openai.tally import Tally
from grokgate.plugin.records import Caller, RouteSpec
from grokgate.statistics import Ended


class Plugin(Protocol):
    """A loaded plugin, as far as it has routes."""

    @property
    def name(self) -> str:
        """Unique name."""
        ...

    @property
    def routes(self) -> tuple[RouteSpec, ...]:
        """What it serves."""
        ...


class Snapshot(Protocol):
    """All settings at one revision."""

    @property
    def app(self) -> Any: ...  # noqa: D102 - sections of `grokgate.settings`
    @property
    def limits(self) -> Any: ...  # noqa: D102
    @property
    def compat(self) -> Any: ...  # noqa: D102
    @property
    def log(self) -> Any: ...  # noqa: D102
    @property
    def server(self) -> Any: ...  # noqa: D102
    @property
    def enabled_routes(self) -> frozenset[str]: ...  # noqa: D102


class SettingsNow(Protocol):
    """Where the settings in force are read."""

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot in force; replaced as a whole by a change."""
        ...


class Ending(Drain, Protocol):
    """The orderly end of the process."""

    @property
    def cut(self) -> asyncio.Event:
        """Set when open streams have to end."""
        ...


class GatewayServices(Protocol):
    """What the application needs of a `grokgate.gateway.Gateway`."""

    log: Any

    @property
    def settings(self) -> SettingsNow: ...  # noqa: D102
    @property
    def replies(self) -> Replies: ...  # noqa: D102
    @property
    def places(self) -> Places: ...  # noqa: D102
    @property
    def plugins(self) -> Sequence[Plugin]: ...  # noqa: D102
    @property
    def metrics(self) -> RequestMetrics: ...  # noqa: D102
    @property
    def drain(self) -> Ending: ...  # noqa: D102
    @property
    def enabled_routes(self) -> frozenset[str]: ...  # noqa: D102

    def context(self, plugin: str, /) -> Any:
        """Return the context of a plugin."""
        ...

    def note_request(self, ended: Ended, tally: Tally, /) -> None:
        """Take a request that has ended into the request log."""
        ...

    def find_caller(self, text: str, /) -> Caller | None:
        """Return the caller of a key, in constant time."""
        ...

    def request_over(self, caller: Caller, /) -> None:
        """Take note that a caller's request has been answered."""
        ...

    def anonymous(self) -> Caller | None:
        """Return the caller to assume without a key; None: a key is needed."""
        ...

    def ready(self) -> bool:
        """Tell whether all parts are up."""
        ...

    async def render_metrics(self) -> bytes:
        """Return the text for ``/metrics``."""
        ...

    def run(self) -> AbstractAsyncContextManager[None]:
        """Open everything; leaving the context closes it."""
        ...
