"""Writes of small files that are whole or not at all, and a lock between processes."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from grokgate.errors import StoreUnavailable

_RETRY_S = 0.02


@contextmanager
def locked(path: Path, *, wait_s: float = 10) -> Iterator[None]:
    """Hold the lock file *path*; blocks the thread for at most *wait_s* seconds (F-STO-05).

    Raises:
        StoreUnavailable: Somebody else held it all the time.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + wait_s
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise StoreUnavailable("Another process holds the lock of the configuration file.")
            time.sleep(_RETRY_S)  # in a worker thread; flock itself knows no time limit
        yield
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes) -> None:
    """Put *content* in the place of *path* in one step that survives a crash.

    A symbolic link stays and its target is replaced; the mode of an existing file stays and, where
    we may set it, its owner; a new one gets 0600. On any error the old file is as it was.

    Raises:
        OSError: The folder or the disk does not allow it.
    """
    Draft(path, content).publish()


class Draft:
    """The next content of a file, safely on disk beside it; `publish` or `discard` it.

    Raises:
        OSError: The folder or the disk does not allow it.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        self._target = Path(os.path.realpath(path))
        self._temporary = self._target.with_name(f".{self._target.name}.{os.getpid()}.tmp")
        try:
            _write_synced(self._temporary, content, like=_found(self._target))
        except BaseException:
            self.discard()
            raise

    def publish(self) -> None:
        """Put it in the file's place in one step."""
        try:
            self._temporary.replace(self._target)
        except BaseException:
            self.discard()
            raise
        _sync_folder(self._target.parent)

    def discard(self) -> None:
        """Forget it; the file is as it was."""
        with suppress(OSError):
            self._temporary.unlink()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _found(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _write_synced(path: Path, content: bytes, *, like: os.stat_result | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if like is not None:
            with suppress(PermissionError):  # only root gives files away
                os.fchown(descriptor, like.st_uid, like.st_gid)
            os.fchmod(descriptor, like.st_mode & 0o777)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
