"""Protocol profiles: how the upstream is spoken to at one point in time, as data.

Code keeps framing, state machines and merging; hosts, paths, headers, bodies, names of quota
windows and error rules are data (`upstream-protocol.md` 11.3). A profile of known shapes needs no
code.
"""

import re
from typing import Any, Literal

from msgspec import Struct

from grokgate.upstream import Kind, Tier
from grokgate_web.profile_media import Edit, Images, Post, Preference, Video

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class Hosts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Addresses without a trailing slash."""

    web_base: str
    assets_base: str
    public_media_base: str
    owned: frozenset[str]
    """Where files of an account may be fetched from, with its cookies."""
    public: frozenset[str]
    """Where published files may be fetched from, without cookies."""


class Browser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is shown of the browser besides its fingerprint."""

    client_hints: Literal["derive", "off"] = "derive"


class Statsig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Default of ``grok.statsig``."""

    mode: Literal["off", "legacy", "static"] = "off"


class Chat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The call that answers a conversation."""

    shape: Literal["lines", "gateway"]
    """Names the decoder; ``gateway`` goes by `Gateway` instead of what follows."""
    path: str
    referer: str
    body: dict[str, Any]
    """Template; texts that are one placeholder are replaced by values of any type."""
    additions: dict[str, dict[str, Any]] = {}
    """Wire name of a model → fields added for it."""
    only_attachments: str
    """Sent where a prompt has attachments and no text."""


class Channels(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names of a piece's channel, and what they make of it."""

    answer: frozenset[str]
    titles: frozenset[str]
    """Headlines of the reasoning."""
    reasoning: tuple[str, ...]
    """Parts of names."""


class Gateway(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The socket that answers a conversation."""

    path: str
    """With ``{uid}`` for the account's user id."""
    session: dict[str, Any]
    """Template of what a conversation is opened with."""
    user_cookie: str
    """Name of the cookie that repeats the user id."""
    handshake_s: float
    """Seconds from the call to a conversation that can be asked something."""
    ping_s: float
    """Seconds between signs of life."""
    channels: Channels


class AccountCall(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The call that tells whose account it is."""

    path: str
    referer: str
    id_fields: tuple[str, ...]
    """Where the user id may stand, best first; levels are separated by dots."""
    dead: frozenset[str]
    """Values of ``status`` of an account that is of no use any more."""


class UploadPurpose(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file is uploaded for."""

    referer: str
    fields: dict[str, str] = {}
    """Sent after the file, in a form."""


class Upload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The call that uploads a file."""

    shape: Literal["base64", "form"]
    """A JSON body with the file in base64, or the file as a part of a form."""
    path: str
    purposes: dict[str, UploadPurpose]
    """``chat``: an attachment; ``edit``: a picture to be changed or to be filmed."""
    id_fields: tuple[str, ...]
    """Where the id may stand in the answer, best first; levels are separated by dots."""
    uri_field: str
    """Where the file lies below the address of files."""
    error_field: str = ""
    """What stands here is not null in an answer that is none."""


class Assets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The calls that list, delete and fetch an account's files."""

    list_path: str
    page_field: str
    """Name of the query parameter with the token of a page."""
    delete_path: str
    """With ``{id}`` for the file's id."""
    referer: str
    late_s: tuple[float, ...]
    """Seconds to wait before each further look for a file that is not there yet."""


class ImagineQuota(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The call that tells what pictures and videos have left, all at once."""

    path: str
    referer: str
    products: dict[str, str]
    """Bucket → key of the answer."""


class Credits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The call that tells of the weekly pool of a paid account."""

    path: str
    referer: str


class Quota(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The call that tells what an account has left."""

    shape: Literal["units", "queries"]
    path: str
    referer: str
    body: dict[str, Any]
    names: dict[str, str]
    """Bucket → name sent upstream."""
    tiers: dict[str, dict[str, Tier]] = {}
    """Bucket → total → tier of an account that has this total."""
    long_window_s: int | None = None
    """A ``default`` window at least this long means tier basic, a shorter one super."""
    imagine: ImagineQuota | None = None
    credits: Credits | None = None


class ErrorRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the classification; conditions not given always hold."""

    name: str
    """Goes into `Observation.marker`."""
    kind: Kind
    status: tuple[int, ...] = ()
    codes: tuple[int, ...] = ()
    text: tuple[str, ...] = ()
    """Lower-case texts, one of which must occur."""
    page: bool | None = None
    in_band: bool | None = None
    operations: tuple[str, ...] = ()


class Stream(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words of the answer's lines."""

    reasoning_tags: frozenset[str]
    title_tags: frozenset[str]
    answer_tags: frozenset[str]
    silent_tags: frozenset[str]
    tools: dict[str, str]
    """Key of a structured tool card → name of the tool."""
    tool_arguments: dict[str, tuple[str, ...]]
    """Tool → arguments worth showing, best first."""


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole profile, ready to use."""

    name: str
    chain: tuple[str, ...]
    """Its own name, then those it extends, nearest first."""
    hosts: Hosts
    browser: Browser
    statsig: Statsig
    headers: dict[str, dict[str, str]]
    """Header set → name → template.

    Calls of scripts of the page: ``json``, ``form``, ``grpc``, ``preference`` with a body, ``get``
    without one; ``download`` of a file; ``socket``.
    """
    identity: AccountCall
    chat: Chat
    gateway: Gateway | None = None
    """Not None where `Chat.shape` says so."""
    upload: Upload
    assets: Assets
    images: Images
    edit: Edit
    post: Post
    video: Video
    preference: Preference
    quota: Quota
    stream: Stream
    errors: tuple[ErrorRule, ...]
    refused: frozenset[str] = frozenset()
    """Wire names the upstream no longer takes."""
