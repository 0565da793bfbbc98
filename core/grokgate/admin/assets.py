"""The files of a package's ``static/`` folder, in memory, as they were at one moment.

A `Build` is what the folder held when it was looked at; its digest names it. `Assets` looks anew
and makes another one when any file has changed, which costs one walk, and reads only what changed.
So a checkout is edited under a running server, and an installed package is read once. The last few
builds stay: a page that was opened before an edit gets the rest of what belongs to it.

Requests find files by their name in a dictionary. No path is put together from what a client sends,
and links are not followed (S11).
"""

import gzip
import hashlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from anyio import CapacityLimiter, to_thread
from msgspec import Struct

STATIC: Final = "static"
"""Folder of a package that holds what browsers load."""

_KEPT: Final = 8
_DIGEST_CHARS: Final = 16
_LEVEL: Final = 6
_MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
_DENSE: Final = frozenset({".png", ".woff2"})
"""Kinds of files that do not get smaller."""

Stamp: TypeAlias = tuple[int, int]
"""Time of the last change in nanoseconds, and size in bytes; zeros inside of an archive."""


class Asset(Struct, frozen=True, kw_only=True):
    """One file."""

    content: bytes
    compressed: bytes | None
    """With gzip; None: that is no gain."""
    media_type: str
    digest: str
    """Hexadecimal, of the content."""


class Build(Struct, frozen=True, kw_only=True):
    """All files of a folder."""

    digest: str
    """Hexadecimal; the same for the same files with the same contents."""
    files: Mapping[str, Asset]
    """By path below the folder, with slashes."""


class Assets:
    """The files of one folder; may be used from several threads.

    Args:
        folder: Where they lie; None or missing: there are none.
        holds_s: Seconds for which `look` takes what was seen last. Looking is some hundred calls of
            the system, each of which waits for a busy event loop to let its thread go on.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        folder: Traversable | None,
        *,
        holds_s: float = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._holds_s = holds_s
        self._clock = clock
        self._holds_until = -math.inf
        self._lock = threading.Lock()
        # However many ask at once, one thread looks, and the rest of them stay free.
        self._limiter = CapacityLimiter(1)
        self._stamps: dict[str, Stamp] | None = None
        self._builds: dict[str, Build] = {}
        self._newest = Build(digest="", files={})

    async def look(self) -> Build:
        """Return what the folder holds, or held *holds_s* ago at most; does not block."""
        if self._clock() >= self._holds_until:
            await to_thread.run_sync(self._renew, limiter=self._limiter)
        return self._newest

    def latest(self) -> Build:
        """Look at the folder, and return what it holds; blocks."""
        with self._lock:
            found = dict(_walk(self._folder)) if self._folder is not None else {}
            stamps = {name: _stamp(file) for name, file in found.items()}
            if stamps != self._stamps:
                self._newest = self._read(found, stamps)
                self._stamps = stamps
                self._keep(self._newest)
            return self._newest

    def build(self, digest: str) -> Build | None:
        """Return a build that was made here, without a look at the folder; None: not known."""
        return self._builds.get(digest)

    def _renew(self) -> None:
        if self._clock() >= self._holds_until:  # who waited has what the one before saw
            self.latest()
            self._holds_until = self._clock() + self._holds_s

    def _read(self, found: Mapping[str, Traversable], stamps: Mapping[str, Stamp]) -> Build:
        before, known = self._stamps or {}, self._newest.files
        assets = {
            name: known[name] if before.get(name) == stamps[name] else _asset(name, file)
            for name, file in found.items()
        }
        whole = hashlib.sha256()
        for name in sorted(assets):
            whole.update(f"{name}\0{assets[name].digest}\n".encode())
        return Build(digest=whole.hexdigest()[:_DIGEST_CHARS], files=assets)

    def _keep(self, build: Build) -> None:
        others = [each for each in self._builds.values() if each.digest != build.digest]
        self._builds = {each.digest: each for each in [*others[1 - _KEPT :], build]}


def static_folder(package: str) -> Traversable | None:
    """Return the ``static/`` folder of an importable package; None: it has none."""
    try:
        folder = files(package) / STATIC
    except (ImportError, TypeError):  # a module that is no package
        return None
    return folder if folder.is_dir() else None


def file_names(folder: Traversable | None) -> frozenset[str]:
    """Return what would be served of a folder, as paths below it; blocks."""
    return frozenset(name for name, _ in _walk(folder)) if folder is not None else frozenset()


def _walk(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.startswith(".") or (isinstance(entry, Path) and entry.is_symlink()):
            continue
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif PurePosixPath(entry.name).suffix in _MEDIA_TYPES:
            yield f"{prefix}{entry.name}", entry


def _stamp(file: Traversable) -> Stamp:
    if not isinstance(file, Path):
        return 0, 0
    stat = file.stat()
    return stat.st_mtime_ns, stat.st_size


def _asset(name: str, file: Traversable) -> Asset:
    content, suffix = file.read_bytes(), PurePosixPath(name).suffix
    compressed = None if suffix in _DENSE else gzip.compress(content, _LEVEL, mtime=0)
    return Asset(
        content=content,
        compressed=compressed if compressed and len(compressed) < len(content) else None,
        media_type=_MEDIA_TYPES[suffix],
        digest=hashlib.sha256(content).hexdigest()[:_DIGEST_CHARS],
    )
