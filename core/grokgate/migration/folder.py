"""Reads a data folder of a predecessor that is not the present one."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from grokgate.adoption import OldFile
from grokgate.adoption.adoption import KEYS, NSFW, STATISTICS, TOKENS, USAGE, read_old_file
from grokgate.errors import StateError
from grokgate.legacy.state import UnreadableError
from grokgate.migration.found import Found, OldConfig
from grokgate.migration.sqlite import read_sqlite
from grokgate.settings.sources import FILE, OLD_FILE, parse

ACCOUNTS: Final = "accounts.db"
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_KINDS: Final[Any] = (
    (TOKENS, "tokens"),
    (KEYS, "keys"),
    (STATISTICS, "statistics"),
    (NSFW, "nsfw"),
)


def read_folder(folder: Path) -> Found:
    """Read what a predecessor kept in *folder*.

    Raises:
        ConfigFileError: Its configuration is not TOML.
        StateError: A file cannot be read.
    """
    within = Found()
    if (folder / ACCOUNTS).is_file():
        within = read_sqlite(folder / ACCOUNTS)
    return Found(
        files=(*_files(folder), *within.files),
        config=_config(folder) or within.config,
        remarks=(*within.remarks, *_media(folder)),
    )


def _files(folder: Path) -> Iterator[OldFile]:
    usage = _text(folder / USAGE)
    for name, kind in _KINDS:
        text = _text(folder / name)
        if text is not None:
            place = f"{folder.resolve().name}/{name}"
            yield OldFile(name=place, kind=kind, text=text, usage=usage if kind == "keys" else None)


def _text(path: Path) -> str | None:
    content = _content(path)
    if content is None:
        return None
    return content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig", "replace")


def _content(path: Path) -> bytes | None:
    try:
        return read_old_file(path)
    except UnreadableError as error:
        raise StateError(f"{path}: {error}") from None


def _config(folder: Path) -> OldConfig | None:
    for name in (FILE, OLD_FILE):
        content = _content(folder / name)
        if content is not None:
            return OldConfig(tree=parse(content, folder / name), file=folder / name)
    return None


def _media(folder: Path) -> Iterator[str]:
    """Tell of stored pictures and videos, which may be more than the disk holds twice."""
    for kind in ("image", "video"):
        stored = folder / "tmp" / kind
        if stored.is_dir() and any(stored.iterdir()):
            yield f"tmp/{kind} is not copied: move it to the folder tmp of the data folder."
