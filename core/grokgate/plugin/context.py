"""What a plugin works with: one context object, the same in handlers and lifespans.

The services are protocols, so that this package imports no inner module of the core. Those that
outlive a request are in `keeping`.
"""

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Collection,
    Mapping,
    Sequence,
)
from typing import Any, Protocol, Self, TypeAlias, TypeVar

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from grokgate.plugin.form import Form
from grokgate.plugin.keeping import Files, Job, Jobs, Media, MediaRef, Objects
from grokgate.plugin.records import Call, Caller, Capability, Offer, Settings
from grokgate.upstream import Asset, Blob, Clock, Event, Finished, Started

__all__ = [
    "Body",
    "Ctx",
    "CurrentBody",
    "CurrentCaller",
    "Dispatcher",
    "Exchange",
    "Fetch",
    "Files",
    "Forms",
    "Job",
    "Jobs",
    "Media",
    "MediaRef",
    "Models",
    "Objects",
    "Permit",
    "Permits",
    "PluginContext",
    "SharedSettings",
]

S = TypeVar("S", bound=Settings)
S_co = TypeVar("S_co", bound=Settings, covariant=True)
T = TypeVar("T")


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

    def fetch(self, asset: Asset, /) -> AsyncGenerator[bytes, None]:
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
            Overloaded: What all requests together have spooled is over 2 GB.
        """
        ...


class Forms(Protocol):
    """Reads multipart bodies: texts to memory, files to disk, both bounded (S17)."""

    async def read(
        self, content_type: str, body: AsyncIterable[bytes], *, file_fields: Collection[str]
    ) -> Form:
        """Read a form to its end.

        Args:
            content_type: The header, with the boundary.
            body: Pieces of the body: ``request.stream()``.
            file_fields: Names whose parts are files even without a file name or type.

        Raises:
            UnsupportedMediaType: Not ``multipart/form-data``.
            InvalidRequest: Malformed, over 64 parts, or a text that is not UTF-8.
            BodyTooLarge: ``file_too_large``: a file is over ``limits.file_mb``.
            Overloaded: What all requests together have spooled is over 2 GB.
            StoreUnavailable: The disk cannot be written.
        """
        ...


class Body(Protocol):
    """The body of a request, for a handler that takes JSON and forms alike; read it once."""

    @property
    def is_form(self) -> bool:
        """Whether it is a multipart form."""
        ...

    async def json(self, kind: type[T]) -> T:
        """Decode it as ``data: JSONBody[kind]`` would.

        Raises:
            UnsupportedMediaType: It is neither JSON nor a form.
            InvalidRequest: With the code and the place of the first fault.
        """
        ...

    async def form(self, kind: type[T], *, file_fields: Collection[str]) -> tuple[T, Form]:
        """Read it as a form; return its texts as *kind*, and all of it.

        Empty texts count as absent; numbers and booleans are read from text.

        Args:
            kind: Struct of the texts.
            file_fields: Names whose parts are files even without a file name or type.

        Raises:
            GatewayError: What `Forms.read` raises.
            InvalidRequest: With the code and the place of the first fault.
        """
        ...


class Permit(Protocol):
    """Leave to make pictures or a video."""

    def release(self) -> None:
        """Give it back; safe to call twice, and whenever."""
        ...


class Permits(Protocol):
    """Bounds how many pictures and videos are made at once (F-CFG-97)."""

    async def take(self) -> Permit:
        """Wait for a permit; one per client request, held until all its work has ended.

        Raises:
            Overloaded: There was none within ``limits.queue_wait_sec``.
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

    @property
    def cache(self) -> Any:
        """Section ``cache``."""
        ...

    @property
    def enabled_routes(self) -> frozenset[str]:
        """Ids of the routes that answer now."""
        ...

    @property
    def sections(self) -> Mapping[type[Settings], Settings]:
        """Every declared section, the plugins' too."""
        ...


class PluginContext(Protocol[S_co]):
    """A plugin's view of the gateway."""

    plugin: str
    dispatcher: Dispatcher
    models: Models
    objects: Objects
    jobs: Jobs
    fetch: Fetch
    files: Files
    media: Media
    forms: Forms
    permits: Permits
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
CurrentBody: TypeAlias = NamedDependency[SkipValidation[Body]]
"""A handler names it ``content``: Litestar keeps the word ``body`` to itself."""
