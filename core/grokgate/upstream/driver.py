"""What an upstream plugin provides: its declaration, its driver, and sessions on one account."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from grokgate.upstream.events import Asset, Event, RemoteFile
from grokgate.upstream.requests import Conversation, ImageRequest, VideoRequest

Tier: TypeAlias = Literal["basic", "super", "heavy"]
Scalar: TypeAlias = str | int | float | bool

S_co = TypeVar("S_co", covariant=True)


class Clock(Protocol):
    """Time as the core hands it out, so that tests can move it."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards; for durations and deadlines."""
        ...


class Secret:
    """A text that never shows itself: its representation is a mask, its value must be asked for."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the clear text; only drivers, exports and the vault call this."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('…')"

    def __str__(self) -> str:
        return "…"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class Wire(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one upstream, in one protocol profile, names and meters a model."""

    name: str
    buckets: tuple[str, ...]
    """Quota windows a call draws from, all of them."""
    buckets_when: Mapping[str, tuple[str, ...]] = {}
    """Other windows by a fact of the call: ``{"resolution=720p": ("video_720p",)}``."""
    tier: Tier | None = None
    """Where it differs from the card's."""
    units: int | None = None
    """Units per upstream call in this profile; None: cost rules and effort decide."""
    limits: Mapping[str, Scalar | tuple[str, ...]] = {}
    """Read by the endpoint: per_call, references, ratios, seconds, resolutions, image_input, …"""
    params: Mapping[str, Scalar | tuple[str, ...]] = {}
    """Read by the driver only."""
    otherwise: tuple["Wire", ...] = ()
    """Tried in order by the dispatcher while ``grok.mode_fallback`` is on."""


class Window(Struct, frozen=True, kw_only=True):
    """What an account has left in one quota window."""

    remaining: int
    """Calls left; −1: not known now, which never counts as empty."""
    total: int | None = None
    window_s: int | None = None
    reset_in_s: float | None = None


class AccountFacts(Struct, frozen=True, kw_only=True):
    """What an upstream told about an account."""

    windows: Mapping[str, Window] = {}
    unknown: frozenset[str] = frozenset()
    """Windows of a survey that could not be asked for: their stored numbers stay."""
    tier: Tier | None = None
    keep: Mapping[str, str] = {}
    """The driver's own notes, stored with the token and handed back as `Account.kept`."""


class Account(Struct, frozen=True, kw_only=True):
    """One token as its driver sees it."""

    id: str
    """Short keyed id; safe to log."""
    pool: str
    credential: Secret
    proxy_url: Secret | None = None
    kept: Mapping[str, str] = {}


class Attempt(Protocol):
    """The driver's line to the core during one attempt; every method returns at once."""

    first_s: float
    """Seconds the upstream has for its first line or frame of any kind."""
    idle_s: float
    """Seconds it has between two reads."""

    def sent(self) -> None:
        """Say that the request's body is going out: from now on the outcome may be unknown."""
        ...

    def learned(self, facts: AccountFacts, /) -> None:
        """Pass on quota numbers seen in passing."""
        ...

    def drifted(self, operation: str, path: str, /) -> None:
        """Count an unknown or missing key path; never pass a value."""
        ...


class UpstreamSession(Protocol):
    """The upstream acting as one account. Closing a generator aborts its exchange at once.

    Generators raise `UpstreamFailure`. A complete answer ends with one `Finished`, after which the
    generator is closed: what a driver still has to read it reads by itself, and nobody waits for
    it. A generator that ends without `Finished` is treated as truncated.
    """

    native: frozenset[str]
    """Of "tools", "schema", "stop", "max_output": what need not be emulated."""

    def converse(self, request: Conversation, /) -> AsyncGenerator[Event, None]:
        """Answer a conversation."""
        ...

    def imagine(self, request: ImageRequest, /) -> AsyncGenerator[Event, None]:
        """Make or edit pictures."""
        ...

    def film(self, request: VideoRequest, /) -> AsyncGenerator[Event, None]:
        """Make a video."""
        ...

    def fetch(self, asset: Asset, /) -> AsyncGenerator[bytes, None]:
        """Download something this account owns."""
        ...

    def files(self) -> AsyncGenerator[RemoteFile, None]:
        """List the account's files."""
        ...

    async def delete_file(self, file_id: str, /) -> None:
        """Delete one of the account's files; one that is gone already is no error."""
        ...

    async def prefer_nsfw(self, on: bool, /) -> None:  # noqa: FBT001 - protocol of the upstream
        """Switch the account's own content preference."""
        ...

    async def special(self, operation: str, body: Mapping[str, Scalar], /) -> Mapping[str, Any]:
        """Run an operation named in `UpstreamSpec.offers` that no other method covers."""
        ...


class UpstreamDriver(Protocol):
    """An upstream plugin's code at work; made once per process."""

    def session(
        self, account: Account, wire: Wire | None, attempt: Attempt, /
    ) -> AbstractAsyncContextManager[UpstreamSession]:
        """Act as *account*; *wire* is None for chores that need no model."""
        ...

    async def survey(
        self, account: Account, attempt: Attempt, /, *, buckets: frozenset[str]
    ) -> AccountFacts:
        """Ask for the account's quota in *buckets*.

        A window that is neither returned nor named as unknown counts as empty.

        Raises:
            UpstreamFailure: Nothing was learned; the stored numbers stay.
        """
        ...


class UpstreamContext(Struct, Generic[S_co], frozen=True, kw_only=True):
    """What a driver is opened with."""

    settings: Callable[[], S_co]
    """Returns the plugin's section now; read once per call."""
    log: Any
    """A bound structlog logger that carries ``plugin=…``."""
    clock: Clock


class PoolSpec(Struct, frozen=True, kw_only=True):
    """A named group of accounts of one subscription level."""

    name: str
    tier: Tier
    synonyms: tuple[str, ...] = ()
    """Other spellings in imported files, lower case."""
    assumed: Mapping[str, int] = {}
    """Units per bucket until the first survey; −1: unknown, counts as available."""


class ActiveProfile(Struct, frozen=True, kw_only=True):
    """The protocol profile in force."""

    chain: tuple[str, ...]
    """The active profile, then those it extends, nearest first; empty: no profiles."""
    refused: frozenset[str] = frozenset()
    """Wire names the upstream no longer takes."""


class ProfileFiles(Struct, frozen=True, kw_only=True):
    """The protocol profiles of an upstream that keeps them in files."""

    names: Callable[[], Sequence[str]]
    """Lists them: those of the plugin, oldest first, then the operator's."""
    load: Callable[[str], Mapping[str, Any]]
    """Name → the whole profile, with all it extends; ValueError says what is wrong with it."""
    preview: Callable[[str, Any], Iterable[str]]
    """Name, settings → lines that show the requests it makes, every secret masked."""


class UpstreamSpec(Struct, frozen=True, kw_only=True):
    """Declaration of an upstream, returned by the hook ``grokgate_upstreams``."""

    id: str
    """Stored in every token record, such as ``web``."""
    title: Mapping[str, str]
    pools: tuple[PoolSpec, ...]
    serves: Mapping[Tier, tuple[str, ...]]
    """Tier of a model → pools, in the order they are tried."""
    offers: frozenset[str]
    """Operations it has: "converse", "imagine", "film", …, special ones included."""
    clean: Callable[[str], str]
    """Pasted text → credential; ValueError says why not, without repeating the text."""
    open: Callable[[UpstreamContext[Any]], AbstractAsyncContextManager[UpstreamDriver]]
    profile: Callable[[Any], ActiveProfile]
    """Pure function of the plugin's settings; read when a snapshot is built."""
    describe: Callable[[Any], Mapping[str, Any]] | None = None
    """Settings → what to show an operator about fingerprints and routes, without any secret.

    ``routes``, a list of ``scheme://host[:port]``, is where connections are made to; ``warnings``,
    a list of sentences, what is odd.
    """
    sandbox: Callable[[str], Mapping[str, Scalar]] | None = None
    """Base address of a sandbox → settings (full keys) that point the upstream there."""
    placed: "Callable[[Path], UpstreamSpec] | None" = None
    """Folder of the operator's own profile files → this declaration with them; the folder need not
    be there. Called once, before the settings are read."""
    checks: Mapping[str, Callable[[Any], object]] = {}
    """Full key of a setting of the plugin → test that takes the place of its own: for values that
    files decide on. ValueError says why not, without repeating a secret."""
    profiles: ProfileFiles | None = None
