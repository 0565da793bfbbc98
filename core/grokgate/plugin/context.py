"""What a plugin works with: one context object, the same in handlers and lifespans.

The services are protocols, so that this package imports no inner module of the core.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol, Self, TypeAlias, TypeVar

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from grokgate.plugin.records import Call, Caller, Capability, Offer, Settings
from grokgate.upstream import Asset, Blob, Clock, Event, Finished, Started

S = TypeVar("S", bound=Settings)
S_co = TypeVar("S_co", bound=Settings, covariant=True)


class Exchange(Protocol):
    """An answered call being read: events from the first output on.

    Read it to its end or close it; both are safe to do twice. Leaving the context closes it. It
    ends exactly once, settles synchronously, and raises only `GatewayError`.
    """

    started: Started | None
    """The upstream's `Started`, where it sent one before the first output."""
    finished: Finished | None
    """The upstream's end marker, once it was read."""

    def __aiter__(self) -> AsyncIterator[Event]: ...
    async def __anext__(self) -> Event: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc_info: object) -> None: ...
    async def aclose(self) -> None:
        """Abort what is still running and settle; safe to call twice."""
        ...

    def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        """Stream something the call produced, with the account that made it."""
        ...


class Dispatcher(Protocol):
    """Leases an account for a call and keeps the promises about retries and charges."""

    async def open(self, call: Call, /) -> Exchange:
        """Lease a token, send *call*, and wait for its first output.

        Tries another token when an attempt fails before its first output and the verdict allows.
        The caller must read the exchange to its end or close it.

        Raises:
            NoTokenAvailable: Every fitting token waits; carries seconds to the earliest reset.
            NoTokensConfigured: No usable token of the needed kind.
            UpstreamError: Refused for a reason no other token cures.
            LimitExceeded: The caller's own daily quota is used up.
        """
        ...

    async def open_all(self, calls: Sequence[Call], /) -> list[Exchange]:
        """Open the calls of one client request at once; all or none."""
        ...


class Models(Protocol):
    """What is offered now."""

    def find(self, model: str, *, capability: Capability, caller: Caller) -> Offer:
        """Look up an id or alias.

        Raises:
            ModelNotFound: Unknown, switched off, or not for this key.
            ModelNotSupported: Known, but of another capability.
        """
        ...

    def offered(self, caller: Caller) -> list[Offer]:
        """List what *caller* may use: chat, image, edit, video; then by id."""
        ...

    def get(self, model: str, *, caller: Caller) -> Offer:
        """Look up an id or alias whatever its capability; raises `ModelNotFound`."""
        ...


class Fetch(Protocol):
    """The guarded way to an address that a client gave (S9)."""

    async def get(self, url: str, *, request_id: str = "") -> Blob:
        """Fetch *url* to a spooled blob.

        Raises:
            InvalidRequest: ``invalid_image_url`` with one fixed message, whatever went wrong.
        """
        ...


class SharedSettings(Protocol):
    """Core sections that plugins may read."""

    @property
    def app(self) -> Any:
        """Section ``app``."""
        ...

    @property
    def grok(self) -> Any:
        """Section ``grok``, as far as the core owns it."""
        ...

    @property
    def limits(self) -> Any:
        """Section ``limits``."""
        ...

    @property
    def compat(self) -> Any:
        """Section ``compat``."""
        ...


class PluginContext(Protocol[S_co]):
    """A plugin's view of the gateway."""

    plugin: str
    dispatcher: Dispatcher
    models: Models
    fetch: Fetch
    log: Any
    """A bound structlog logger that carries ``plugin=…``."""
    clock: Clock

    @property
    def settings(self) -> S_co:
        """The plugin's section now; read it once per request."""
        ...

    @property
    def shared(self) -> SharedSettings:
        """Core sections of the same snapshot."""
        ...


Ctx: TypeAlias = NamedDependency[SkipValidation[PluginContext[S]]]
CurrentCaller: TypeAlias = NamedDependency[Caller]
