"""What plugins return from their hooks: frozen records, checked one by one at load."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Literal, TypeAlias

from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from grokgate.upstream import Event, Observation, Scalar, Tier, UpstreamSession, Wire

Capability: TypeAlias = Literal["chat", "image", "image_edit", "video"]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of a plugin's settings section.

    Every field needs a default and a ``Meta(description=…)``; its key is
    ``plugins.<name>.<field>`` unless ``Meta(extra={"key": "grok.temporary"})`` pins another one.
    Further keys of ``extra``: ``zh`` (Chinese description), ``secret`` (masked, sealed at rest),
    ``startup`` (fixed at start), ``alias`` (older spellings), ``file_only`` (never through the
    API), ``check`` (function that raises ValueError), ``synonyms`` (other words for a value),
    ``clamp`` (out of limits counts as the limit). Subclasses repeat ``frozen=True, kw_only=True``
    for the type checkers.
    """

    def __repr__(self) -> str:
        """Return the name alone: a section may hold secrets (S15)."""
        return f"{type(self).__name__}(…)"


class RouteSpec(Struct, frozen=True, kw_only=True):
    """Handlers behind one switch, ``downstream.enable_<id>``."""

    id: str
    """Lower-case words joined by underscores, unique over all plugins."""
    handlers: tuple[BaseRouteHandler, ...]
    summary: str
    """One sentence for the switches page and OpenAPI."""
    default_enabled: bool = True
    requires: tuple[str, ...] = ()
    """Ids of switches that must be on too."""
    access: Literal["key", "admin", "public"] = "key"
    family: Literal["openai", "anthropic"] = "openai"
    """Form of its errors."""
    creates_work: bool = False
    """Its POSTs honour ``Idempotency-Key``."""
    serves: tuple[Capability, ...] = ()
    """Models it answers with: those of a capability exist while any route that serves it is on."""


class AdminPanel(Struct, frozen=True, kw_only=True):
    """A page of the admin UI, below the plugin's name; for what routes and settings do not show."""

    id: str
    """Lower-case words joined by underscores, unique within the plugin; part of its address."""
    title: Mapping[str, str]
    """Its name in the navigation, by language: ``en`` and ``zh``."""
    module: str
    """Path of its ES module below ``static/`` of the plugin's package, such as ``panel.js``."""


class ModelCard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One offered model; belongs to the endpoint plugin that serves it."""

    id: str
    capability: Capability
    tier: Tier
    """Lowest tier of account that serves it."""
    effort: Literal["low", "high"]
    """1 or 4 units where neither `Wire.units` nor a cost rule says."""
    created: int
    """Unix seconds, a constant."""
    wire: Mapping[str, Wire]
    """Keys are ``upstream/profile`` (``web/2026-04``) or a bare upstream id (``xai``)."""
    requires: tuple[str, ...] = ()
    """Switches without which the model does not exist."""
    aliases: tuple[str, ...] = ()
    display_name: str = ""
    description: str = ""
    visible: bool = True


class Offer(Struct, frozen=True, kw_only=True):
    """What `Models.find` returns."""

    card: ModelCard
    limits: Mapping[str, Scalar | tuple[str, ...]] = {}
    """Limits of the wire entry in force."""


class Caller(Struct, frozen=True, kw_only=True, weakref=True):
    """The client of this request: a key, or the anonymous one.

    One object stands for one client request: pass it on as it is, to every call of the request.
    """

    key_id: str
    """Id of a managed key, ``config:<hash>`` of a configured one, or ``anonymous``."""
    name: str
    request_id: str = ""
    limits: Mapping[str, int] = {}
    """Daily quotas by name (chat, heavy, image, video); −1 or absent: none."""
    allowed_models: frozenset[str] | None = None
    """None: all."""
    allowed_endpoints: frozenset[str] | None = None
    """Route ids; None: all."""
    allowed_ips: tuple[str, ...] = ()
    """Addresses and networks that requests may come from; empty: any."""
    rpm: int | None = None
    """Requests per minute; None: any number."""
    max_inflight: int | None = None
    """Requests at once; None: any number."""
    token_tags: tuple[str, ...] = ()
    """Tags of the accounts that serve this key; empty: all."""
    metered: bool = False
    """What it uses is counted by day."""


class AttemptRecord(Struct, frozen=True, kw_only=True):
    """How one attempt of a call ended."""

    upstream: str
    account: str
    """Short id."""
    observation: Observation
    units: int
    """Charged."""
    duration_s: float
    """From the lease to its end."""
    penalized: bool = False
    """The account took the request's one ambiguous penalty."""
    decision: int = 0
    """Number of the scheduler's decision for the account, as ``grokgate explain`` shows it."""


class CallRecord(Struct, frozen=True, kw_only=True):
    """How one call ended; given to ``grokgate_call_finished`` and to `CostRule.correct`."""

    request_id: str
    plugin: str
    model: str
    upstream: str | None
    outcome: Literal["completed", "failed", "cancelled"]
    observation: Observation | None
    """Of the last attempt."""
    units: int
    outputs: int
    attempts: int
    duration_s: float
    first_event_s: float | None
    tries: tuple[AttemptRecord, ...] = ()
    """The attempts, first one first; empty in the record that `CostRule.correct` gets."""
    error: str | None = None
    """Code of the error that a failed call ended with."""


class CostRule(Struct, frozen=True, kw_only=True):
    """Units a call takes from its account. More exact rules win; equally exact ones clash."""

    units: int
    """0 to 10 000."""
    capability: Capability
    model: str | None = None
    upstream: str | None = None
    when: Mapping[str, str] = {}
    """Compared with `Call.facts`: ``{"resolution": "720p"}``."""
    per: Literal["call", "output"] = "call"
    """"output" reserves units × outputs and charges those seen, withheld pictures included."""
    correct: Callable[[CallRecord], int] | None = None
    """May lower the charge afterwards, never raise it."""


class Daily(Struct, frozen=True, kw_only=True):
    """How often an account may take calls of one sort, besides its quota upstream.

    A call of which moderation blocked a picture uses up the day.
    """

    name: str
    """Of the sort."""
    limit: int
    """Per day, which begins by ``quota.tz_offset_minutes``; 0: any number."""


class Call(Struct, frozen=True, kw_only=True):
    """One piece of work wanted from an upstream."""

    caller: Caller
    card: ModelCard
    send: Callable[[UpstreamSession], AsyncGenerator[Event, None]]
    """Called anew, from its start, for each attempt."""
    outputs: int = 1
    wanted: int | None = None
    """Outputs of all calls of the client request together, where this is one of several that are
    not opened at once; None: *outputs*. The daily quota of the key is charged with it."""
    repeatable: bool = True
    """False: tried again only if the upstream provably did not accept it."""
    facts: Mapping[str, str] = {}
    """Bounded values, for cost rules, `Wire.buckets_when` and the request log."""
    prefer_tags: tuple[str, ...] = ()
    """As if required, unless no usable account has them: then any will do."""
    require_tags: tuple[str, ...] = ()
    affinity: str | None = None
    """Same affinity, same token while it is a candidate."""
    begins: bool = False
    """Any token will do; later calls of the same affinity follow this one."""
    account: str | None = None
    """This account only: it owns the asset."""
    daily: Daily | None = None
    most_attempts: int | None = None
    """Never more than ``grok.max_retry`` allows; None: as many."""
    timeout_s: float | None = None
    """Seconds for the whole call, queueing included; None: no total limit."""
