"""Protocol profiles: data files that say how the upstream is spoken to at one point in time.

A file extends another one: tables merge, lists and single values replace. Code keeps framing, state
machines and merging; hosts, paths, headers, bodies, names of quota windows and error rules are data
(`upstream-protocol.md` 11.3). A profile of known shapes needs no code.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal

import msgspec
from msgspec import Struct

from grokgate.upstream import Kind, Tier

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")

_DATED = re.compile(r"\d{4}-\d{2}")
_HEADER_VALUES = {"ua", "uuid", "referer", "origin", "statsig", "ch_ua", "ch_ua_arch"} | {
    "ch_ua_bitness",
    "ch_ua_mobile",
    "ch_ua_platform",
}
_CHAT_VALUES = {"temporary", "model", "mode", "message", "attachments"} | {
    "no_search",
    "no_memory",
    "instruction",
}


class Hosts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Addresses without a trailing slash."""

    web_base: str
    assets_base: str


class Browser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is shown of the browser besides its fingerprint."""

    client_hints: Literal["derive", "off"] = "derive"


class Statsig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Default of ``grok.statsig``."""

    mode: Literal["off", "legacy", "static"] = "off"


class Chat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The call that answers a conversation."""

    shape: Literal["lines"]
    """Names the decoder."""
    path: str
    referer: str
    body: dict[str, Any]
    """Template; texts that are one placeholder are replaced by values of any type."""
    additions: dict[str, dict[str, Any]] = {}
    """Wire name of a model → fields added for it."""
    only_attachments: str
    """Sent where a prompt has attachments and no text."""


class Upload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The call that uploads an attachment."""

    shape: Literal["base64"]
    path: str
    referer: str
    id_fields: tuple[str, ...]
    """Fields of the answer that may hold the id, best first."""


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
    chat: Chat
    upload: Upload
    quota: Quota
    stream: Stream
    errors: tuple[ErrorRule, ...]
    refused: frozenset[str] = frozenset()
    """Wire names the upstream no longer takes."""


def profile_names() -> list[str]:
    """List the bundled profiles, oldest first."""
    names = (entry.name.removesuffix(".toml") for entry in _folder().iterdir())
    return sorted(name for name in names if _DATED.fullmatch(name))


def profile_name(setting: str) -> str:
    """Turn ``grok.protocol`` into the name of a bundled profile; ``auto`` is the newest.

    Raises:
        ValueError: No such profile.
    """
    names = profile_names()
    if setting == "auto":
        return names[-1]
    if setting not in names:
        raise ValueError(f"no protocol profile {setting!r}; known: auto, {', '.join(names)}")
    return setting


def load_profile(name: str, *, folder: Traversable | None = None) -> Profile:
    """Read and check a profile with everything it extends.

    Args:
        name: File name without its ending.
        folder: Where the files lie; None: the bundled ones.

    Raises:
        ValueError: A file is missing or does not have the form of a profile.
    """
    table, chain = _merged(folder or _folder(), name)
    try:
        profile = msgspec.convert({**table, "name": name, "chain": chain}, Profile)
    except msgspec.ValidationError as error:
        raise ValueError(f"profile {name}: {error}") from error
    _check_placeholders(profile)
    return profile


def _folder() -> Traversable:
    return files("grokgate_web").joinpath("profiles")


def _merged(folder: Traversable, name: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    chain: list[str] = []
    table: dict[str, Any] = {}
    following: str | None = name
    while following is not None:
        if following in chain:
            raise ValueError(f"profile {name}: extends itself by way of {following}")
        chain.append(following)
        own = _read(folder, following)
        following = own.pop("extends", None)
        table = _merge(own, table)
    return table, tuple(chain)


def _read(folder: Traversable, name: str) -> dict[str, Any]:
    try:
        content = folder.joinpath(f"{name}.toml").read_bytes()
    except OSError as error:
        raise ValueError(f"profile {name}: no such file") from error
    try:
        return msgspec.toml.decode(content, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ValueError(f"profile {name}: {error}") from error


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _merge(below, value)
        else:
            merged[key] = value
    return merged


def _check_placeholders(profile: Profile) -> None:
    headers = (value for table in profile.headers.values() for value in table.values())
    for known, texts in (
        (_HEADER_VALUES, headers),
        (_CHAT_VALUES, _texts([profile.chat.body, profile.chat.additions])),
        ({"model"}, _texts(profile.quota.body)),
    ):
        for text in texts:
            if unknown := set(PLACEHOLDER.findall(text)) - known:
                raise ValueError(f"profile {profile.name}: unknown placeholder {unknown.pop()!r}")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
