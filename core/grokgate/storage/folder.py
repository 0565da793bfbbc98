"""The data folder belongs to one process at a time (D15, reliability section 2)."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from grokgate.errors import StateError

_LOCK: Final = Path(".locks") / "serve.lock"


@contextmanager
def hold_folder(folder: Path, *, holder: int | None = None) -> Iterator[None]:
    """Make *folder* if need be, close it to other users, and hold its lock until left.

    The lock ends with the process, however that ends; the lock file stays behind.

    Args:
        folder: The data folder.
        holder: Process that others are told to stop; None: this one.

    Raises:
        StateError: Another process holds it, or it cannot be made or written.
    """
    try:
        descriptor = _open_lock(folder)
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise StateError(
            f"The data folder {folder} cannot be used ({reason}). Correct its owner or mode, or "
            "set DATA_DIR to another folder."
        ) from error
    try:
        _lock(descriptor, folder, os.getpid() if holder is None else holder)
        yield
    finally:
        os.close(descriptor)


def _open_lock(folder: Path) -> int:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(PermissionError):  # not its owner: a mounted volume, say
        folder.chmod(0o700)
    path = folder / _LOCK
    path.parent.mkdir(mode=0o700, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _lock(descriptor: int, folder: Path, owner: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise StateError(
            f"The data folder {folder} is in use by another process (id {holder}). Stop that one, "
            "or set DATA_DIR to another folder."
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{owner}\n".encode(), 0)
