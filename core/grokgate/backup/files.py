"""Files that nobody else may read, and that are on disk when they are there."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def private_folder(beside: Path, prefix: str) -> Iterator[Path]:
    """Make a folder in *beside* that goes away with all that is in it."""
    with tempfile.TemporaryDirectory(dir=beside, prefix=prefix) as name:
        yield Path(name)


def write(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a new file."""
    with new_file(path) as file:
        for piece in pieces:
            file.write(piece)


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Make a file that nobody else may read, and see to it that it is on disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(descriptor)


def sync(path: Path) -> None:
    """Bring a file to disk, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
