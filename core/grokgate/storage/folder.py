"""The data folder belongs to one process at a time, or to the workers of one start (D15)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from grokgate.errors import StateError
from grokgate.storage.seats import open_lock, try_lock

_LOCK: Final = "serve.lock"
_LONGEST: Final = 4096
"""Bytes in the lock file."""


@contextmanager
def hold_folder(
    folder: Path, *, holder: int | None = None, start: str | None = None
) -> Iterator[None]:
    """Make *folder* if need be, close it to other users, and hold its lock until left.

    The lock ends with the process, however that ends; the lock file stays behind.

    Args:
        folder: The data folder.
        holder: Process that others are told to stop; None: this one.
        start: Names a start as no other is named, also none in another container; its processes
            have the folder together. None: this process has it alone.

    Raises:
        StateError: Another process holds it, or it cannot be made or written.
    """
    descriptor = open_lock(folder, _LOCK)
    try:
        owner = os.getpid() if holder is None else holder
        if not _take(descriptor, owner, start):
            raise StateError(
                f"The data folder {folder} is in use by another process (id {_owner(descriptor)}). "
                "Stop that one, or set DATA_DIR to another folder."
            )
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, owner: int, start: str | None) -> bool:
    """Take what nobody has, and leave the owner's name; or join the others of the same start."""
    if not try_lock(descriptor):
        joins = start is not None and _lines(descriptor)[1:] == [start]
        return joins and try_lock(descriptor, shared=True)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{owner}\n{start or ''}".encode(), 0)
    return start is None or try_lock(descriptor, shared=True)


def _owner(descriptor: int) -> str:
    return next(iter(_lines(descriptor)), "unknown")


def _lines(descriptor: int) -> list[str]:
    """Return what the holder left: its owner, and the name of its start if there is one."""
    return os.pread(descriptor, _LONGEST, 0).decode("utf-8", "replace").splitlines()
