"""Files of protocol profiles: finding, merging and checking them.

A file extends another one: tables merge, lists and single values replace.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import msgspec

from grokgate_web.profile import PLACEHOLDER, Profile

_DATED = re.compile(r"\d{4}-\d{2}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""A file name that stays in its folder."""
_MADE_OF = "made of small letters, digits, '.', '_' and '-'"
_HEADER_SETS = {"json", "form", "grpc", "preference", "get", "download", "socket"}
_HEADER_VALUES = {"ua", "uuid", "referer", "origin", "statsig", "content_type"} | {
    "ch_ua",
    "ch_ua_arch",
    "ch_ua_bitness",
    "ch_ua_mobile",
    "ch_ua_platform",
}
_SESSION_VALUES = {"model", "temporary", "no_memory", "without_search"}
_CHAT_VALUES = {"temporary", "model", "mode", "message", "attachments"} | {
    "no_search",
    "no_memory",
    "instruction",
}
_PICTURE_VALUES = {"nsfw", "ratio", "pro", "count"}
_EDIT_VALUES = {"temporary", "no_memory", "model", "mode", "message", "ratio"} | {
    "references",
    "parent",
    "assets",
}
_VIDEO_VALUES = {"temporary", "model", "message", "prompt", "config"} | {
    "ratio",
    "seconds",
    "resolution",
    "references",
    "parent",
    "original",
    "start",
}


def profile_names(own: Traversable | None = None) -> list[str]:
    """List the bundled profiles, oldest first, then the operator's by name.

    Args:
        own: Folder of the operator's files, which need not be there.
    """
    bundled = _files_in(_folder())
    found = _files_in(own) if own is not None and own.is_dir() else []
    return [name for name in bundled if _DATED.fullmatch(name)] + [
        name for name in found if name not in bundled and _NAME.fullmatch(name)
    ]


def listed_names(own: Traversable | None = None) -> list[str]:
    """List `profile_names`, then the operator's files whose name cannot be a profile's."""
    found = _files_in(own) if own is not None and own.is_dir() else []
    return profile_names(own) + [name for name in found if not _NAME.fullmatch(name)]


def profile_name(setting: str, own: Traversable | None = None) -> str:
    """Turn ``grok.protocol`` into the name of a profile; ``auto`` is the newest bundled one.

    Raises:
        ValueError: No such profile.
    """
    if setting == "auto":
        return profile_names()[-1]
    names = profile_names(own)
    if setting not in names:
        raise ValueError(f"no protocol profile {setting!r}; known: auto, {', '.join(names)}")
    return setting


def check_form(setting: str) -> None:
    """Make sure that ``grok.protocol`` could name a profile; whether there is one, folders tell.

    Raises:
        ValueError: It could not.
    """
    if not _NAME.fullmatch(setting):
        raise ValueError(f"a profile's name is {_MADE_OF}")


def load_profile(
    name: str, *, folder: Traversable | None = None, own: Traversable | None = None
) -> Profile:
    """Read and check a profile with everything it extends.

    Args:
        name: File name without its ending.
        folder: Where the files lie; None: the bundled ones.
        own: Where those lie that are not in *folder*; need not be there.

    Raises:
        ValueError: A file is missing or does not have the form of a profile.
    """
    table, chain = _merged((folder or _folder(), *((own,) if own else ())), name)
    try:
        profile = msgspec.convert({**table, "name": name, "chain": chain}, Profile)
    except msgspec.ValidationError as error:
        raise ValueError(f"profile {name}: {error}") from error
    if profile.chat.shape == "gateway" and profile.gateway is None:
        raise ValueError(f"profile {name}: chat goes over a gateway that is not described")
    if missing := _HEADER_SETS - profile.headers.keys():
        raise ValueError(f"profile {name}: no header set {min(missing)!r}")
    for part, media in (("edit", profile.edit), ("video", profile.video)):
        if media.shape not in media.bodies:
            raise ValueError(f"profile {name}: {part} has no body {media.shape!r}")
    _check_placeholders(profile)
    return profile


def _folder() -> Traversable:
    return files("grokgate_web").joinpath("profiles")


def _files_in(folder: Traversable) -> list[str]:
    names = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def _merged(folders: Sequence[Traversable], name: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    chain: list[str] = []
    table: dict[str, Any] = {}
    following: str | None = name
    while following is not None:
        if following in chain:
            raise ValueError(f"profile {name}: extends itself by way of {following}")
        chain.append(following)
        own = _read(folders, following)
        following = own.pop("extends", None)
        table = _merge(own, table)
    return table, tuple(chain)


def _read(folders: Sequence[Traversable], name: object) -> dict[str, Any]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"profile {name!r}: no name of a profile, which is {_MADE_OF}")
    places = (folder.joinpath(f"{name}.toml") for folder in folders)
    place = next((place for place in places if place.is_file()), None)
    if place is None:
        there = (_files_in(folder) for folder in folders if folder.is_dir())
        known = ", ".join(sorted({one for found in there for one in found if _NAME.fullmatch(one)}))
        raise ValueError(f"profile {name}: no such file; known: {known}")
    try:
        return msgspec.toml.decode(place.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise ValueError(f"profile {name}: cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
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
        (_SESSION_VALUES, _texts(profile.gateway.session if profile.gateway else {})),
        ({"uid"}, _texts(profile.gateway.path if profile.gateway else "")),
        ({"id"}, _texts([profile.assets.delete_path, profile.video.extension_referer])),
        (_PICTURE_VALUES, _texts(profile.images.socket.properties)),
        (_EDIT_VALUES, _texts(profile.edit.bodies)),
        (_VIDEO_VALUES, _texts([profile.video.bodies, profile.video.config])),
        (_VIDEO_VALUES, _texts([profile.video.several, profile.video.extension])),
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
