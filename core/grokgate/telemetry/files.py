"""Log files of one folder: a new one each day and when the current one is full (F-CFG-121)."""

import fcntl
import os
import re
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import BinaryIO

from grokgate.telemetry.lines import Event, json_line

_NAME = re.compile(r"app_(\d{4}-\d{2}-\d{2})(?:\.(\d+))?\.log\Z")
_PRIVATE = 0o600


class DailyFiles:
    """Writes JSON lines to ``app_<date>.log``; a full file becomes ``app_<date>.<n>.log``.

    Lines that cannot be written are lost; the next ones are tried again. Several processes may
    write to the same files: each batch is appended whole, and one of them moves a full file away.

    Args:
        directory: Made if missing.
        max_bytes: Size at which a file counts as full; a batch is never split.
        max_files: Files kept, the current one included; the oldest go first.
        today: The date in the name.
    """

    def __init__(
        self, directory: Path, *, max_bytes: int, max_files: int, today: Callable[[], date]
    ) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._today = today
        self._file: BinaryIO | None = None
        self._day = ""

    def write(self, events: Sequence[Event]) -> None:
        """Append one line for each event."""
        batch = "".join(f"{json_line(event)}\n" for event in events).encode()
        try:
            self._current(len(batch)).write(batch)
        except OSError:
            self.close()

    def close(self) -> None:
        """Close the current file; writing opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _current(self, wanted: int) -> BinaryIO:
        day = self._today().isoformat()
        path = self._directory / f"app_{day}.log"
        if self._file is not None and day == self._day and self._fits(self._file, path, wanted):
            return self._file
        self.close()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._file = _open(path)
        if not self._fits(self._file, path, wanted):
            self._move(self._file, path, day)
            self._file.close()
            self._file = _open(path)
        self._day = day
        self._prune()
        return self._file

    def _fits(self, file: BinaryIO, path: Path, wanted: int) -> bool:
        """Tell whether an open file is still the current one, and may grow."""
        size = os.fstat(file.fileno()).st_size
        return _is_at(file, path) and (not size or size + wanted <= self._max_bytes)

    def _move(self, file: BinaryIO, path: Path, day: str) -> None:
        """Move a full file away, unless another process has done so meanwhile."""
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)  # until it is closed
        if _is_at(file, path):
            path.rename(self._directory / f"app_{day}.{self._next_number(day)}.log")

    def _next_number(self, day: str) -> int:
        return 1 + max((number for of_day, number, _ in self._kept() if of_day == day), default=0)

    def _prune(self) -> None:
        """Delete the oldest files beyond the number kept; 0, the current one, is a day's newest."""
        kept = sorted(self._kept(), key=lambda entry: (entry[0], entry[1] == 0, entry[1]))
        for _, _, path in kept[: -self._max_files]:
            path.unlink(missing_ok=True)

    def _kept(self) -> list[tuple[str, int, Path]]:
        """List the log files: day, number (0: not full yet), path."""
        return [
            (match[1], int(match[2] or 0), path)
            for path in self._directory.iterdir()
            if (match := _NAME.match(path.name))
        ]


def _open(path: Path) -> BinaryIO:
    return open(path, "ab", buffering=0, opener=_open_private)


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Tell whether an open file still has its name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, _PRIVATE)
