"""What is to be said of a data folder; only looks, beside a running service too.

To a place of media outside of it a small file is written, and removed.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from grokgate.doctor.finding import Finding, Level
from grokgate.errors import StateError, StoreUnavailable
from grokgate.media import ByteStore
from grokgate.storage import ask_server, is_new, quick_check
from grokgate.upstream import Secret

_LEAST_FREE_MB = 200
_MB = 1 << 20
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Folder(Struct, frozen=True, kw_only=True):
    """Where things lie."""

    path: Path
    database: Path | Secret
    """A file, or the address of a server."""
    key_file: Path
    env_key: bool
    """True: the key comes from the environment."""
    media_url: str
    """Where media lie; empty: in the folder."""


def look_at_folder(folder: Folder) -> Iterator[Finding]:
    """Judge *folder*; reads the whole database file, or asks the server."""
    if not folder.path.is_dir():
        yield _found("folder_missing", level="note", path=str(folder.path))
        return
    yield _access(folder.path)
    yield _space(folder.path)
    if isinstance(folder.database, Path):
        yield _key(folder, needed=folder.database.exists())
        yield from _file(folder, folder.database)
    else:
        yield from _server(folder, folder.database)
    if folder.media_url:
        yield _media(folder)


def _access(path: Path) -> Finding:
    mode = path.stat().st_mode
    if not os.access(path, os.W_OK | os.X_OK):
        return _found("folder_not_writable", level="attention", path=str(path))
    if mode & _OTHERS:
        shown = f"{stat.S_IMODE(mode):04o}"
        return _found("folder_open", level="attention", path=str(path), mode=shown)
    return _found("folder", path=str(path))


def _space(path: Path) -> Finding:
    free_mb = shutil.disk_usage(path).free // _MB
    if free_mb < _LEAST_FREE_MB:
        return _found("space_short", level="attention", free_mb=str(free_mb))
    return _found("space", free_mb=str(free_mb))


def _key(folder: Folder, *, needed: bool) -> Finding:
    path = str(folder.key_file)
    if folder.env_key:
        return _found("key_environment")
    try:
        mode = folder.key_file.stat().st_mode
    except FileNotFoundError:
        if needed:
            return _found("key_missing", level="attention", path=path)
        return _found("key_later", level="note", path=path)
    if mode & _OTHERS:
        shown = f"{stat.S_IMODE(mode):04o}"
        return _found("key_open", level="attention", path=path, mode=shown)
    return _found("key", path=path)


def _file(folder: Folder, database: Path) -> Iterator[Finding]:
    if folder.key_file.exists() and is_new(database):
        yield _found("database_is_new", level="attention", path=str(database))
    elif database.exists():
        yield _integrity(database)


def _server(folder: Folder, address: Secret) -> Iterator[Finding]:
    try:
        answer = asyncio.run(ask_server(address))
    except StateError as error:
        yield _found("database_refused", level="attention", reason=str(error))
        return
    yield _key(folder, needed=not answer.is_new)
    if folder.key_file.exists() and answer.is_new:
        yield _found("database_is_new", level="attention", path="PostgreSQL")
    latency_ms = f"{answer.latency_ms:.1f}"
    yield _found("database_server", version=answer.version, latency_ms=latency_ms)


def _media(folder: Folder) -> Finding:
    try:
        asyncio.run(ByteStore.open(folder.media_url, data_dir=folder.path).check())
    except StateError as error:
        return _found("media_refused", level="attention", reason=str(error))
    return _found("media")


def _integrity(database: Path) -> Finding:
    try:
        fault = quick_check(database)
    except StoreUnavailable:
        return _found("database_locked", level="note", path=str(database))
    except StateError as error:
        return _found("database_refused", level="attention", reason=str(error))
    if fault:
        return _found("database_damaged", level="attention", path=str(database))
    return _found("database", path=str(database))


def _found(code: str, *, level: Level = "ok", **values: str) -> Finding:
    return Finding(area="program", code=code, level=level, values=values)
