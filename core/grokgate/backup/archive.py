"""The archive itself: its parts, packed and unpacked."""

import hashlib
import tarfile
import zlib
from collections.abc import Mapping
from datetime import datetime
from gzip import BadGzipFile
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from grokgate import __version__
from grokgate.backup.files import new_file, write
from grokgate.errors import StartupError, StateError
from grokgate.settings.sources import FILE
from grokgate.storage.copying import sealing_ids, vault_of
from grokgate.stores import DATABASE_FILE, KEY_FILE
from grokgate.vault import Vault

CONFIG_CONTEXT: Final = "backup:config.toml"
"""Under which the settings are sealed."""
_MANIFEST: Final = "manifest.json"
_FORMAT: Final = 1
_PARTS: Final = (DATABASE_FILE, FILE, KEY_FILE)
_MOST_BYTES: Final = 64 << 20
_MOST_DATABASE_BYTES: Final = 64 << 30


class Manifest(Struct, frozen=True, kw_only=True):
    """What an archive says of itself."""

    format: int
    version: str
    """Of the program that made it."""
    made_at: datetime
    parts: Mapping[str, str]
    """Name → SHA-256 in hex."""


def pack(folder: Path, archive: Path, *, now: datetime) -> Manifest:
    """Write the parts that lie in *folder* to the file *archive*, which must not exist."""
    manifest = Manifest(format=_FORMAT, version=__version__, made_at=now, parts=_digests(folder))
    write(folder / _MANIFEST, [msgspec.json.encode(manifest)])
    with new_file(archive) as file, tarfile.open(fileobj=file, mode="w:gz") as packed:
        for name in (_MANIFEST, *manifest.parts):
            packed.add(folder / name, arcname=name, filter=_nobodys)
    return manifest


def unpack(source: Path, folder: Path) -> Manifest:
    """Unpack the known parts of an archive into *folder*, and compare them with its manifest.

    Raises:
        StartupError: The archive is none of ours.
        StateError: It is damaged or newer.
    """
    try:
        with tarfile.open(source, mode="r:gz") as packed:
            for name in (_MANIFEST, *_PARTS):
                _extract(packed, name, folder)
        manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Manifest)
    except (tarfile.TarError, EOFError, zlib.error, BadGzipFile, msgspec.MsgspecError) as error:
        raise StartupError(f"{source} is no backup of Grokgate, or is damaged.") from error
    if manifest.format != _FORMAT:
        raise StateError("This backup was made by a newer program. Use that one.")
    present = _digests(folder)
    if DATABASE_FILE not in present or present != dict(manifest.parts):
        raise StateError(f"The backup {source} is damaged.")
    return manifest


def check_key(vault: Vault, database: Path, reason: str) -> None:
    """Make sure that *vault* opens everything in *database*.

    Raises:
        StateError: It does not; *reason* says so.
    """
    bound = vault_of(database)
    if bound not in {None, vault.key_id} or not sealing_ids(database) <= vault.key_ids:
        raise StateError(reason)


def _extract(packed: tarfile.TarFile, name: str, folder: Path) -> None:
    try:
        entry = packed.getmember(name)
    except KeyError:
        if name == _MANIFEST:
            raise tarfile.TarError from None
        return
    most = _MOST_DATABASE_BYTES if name == DATABASE_FILE else _MOST_BYTES
    content = packed.extractfile(entry) if entry.isreg() and entry.size <= most else None
    if content is None:
        raise tarfile.TarError
    with content:
        write(folder / name, iter(lambda: content.read(1 << 20), b""))


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o600
    return entry


def _digests(folder: Path) -> dict[str, str]:
    return {name: _digest(folder / name) for name in _PARTS if (folder / name).exists()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
