"""Locks by which the worker processes of one start tell each other apart in their data folder.

Each is a small file in ``.locks``; the kernel frees it when its process ends, however that ends.

```text
start.lock       held while a worker starts: they do so one after the other
worker-<n>.lock  the seat of a worker: its number, the smallest that is free
front.lock       of the one worker that does what only one can do; when it ends, of another one
```
"""

import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Final

import anyio

from grokgate.errors import StateError

LOCKS: Final = ".locks"
"""Folder in a data folder."""
_LOOK_S: Final = 0.1
"""Between two looks whether a lock is free; the kernel tells nobody."""


def open_lock(folder: Path, name: str) -> int:
    """Open a lock file of the data folder *folder*; returns a descriptor.

    Both are made if need be, and the folder is closed to other users.

    Raises:
        StateError: The folder cannot be made or written.
    """
    path = folder / LOCKS / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(PermissionError):  # not its owner: a mounted volume, say
            folder.chmod(0o700)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise StateError(
            f"The data folder {folder} cannot be used ({reason}). Correct its owner or mode, or "
            "set DATA_DIR to another folder."
        ) from error


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take an open lock file, with others if *shared*; False: others have it."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def take_seat(folder: Path) -> Iterator[int]:
    """Hold the free seat with the smallest number until left; the first one is 1."""
    for number in count(1):
        descriptor = open_lock(folder, f"worker-{number}.lock")
        if try_lock(descriptor):
            break
        os.close(descriptor)
    try:
        yield number
    finally:
        os.close(descriptor)


@asynccontextmanager
async def hold_when_free(
    folder: Path, name: str, *, waiting: Callable[[], None]
) -> AsyncIterator[None]:
    """Wait until nobody else holds a lock of *folder*, and hold it until left.

    Args:
        folder: The data folder.
        name: Of the lock file.
        waiting: Called before each pause; what it raises ends the wait.
    """
    descriptor = open_lock(folder, name)
    try:
        while not try_lock(descriptor):
            waiting()
            await anyio.sleep(_LOOK_S)
        yield
    finally:
        os.close(descriptor)
