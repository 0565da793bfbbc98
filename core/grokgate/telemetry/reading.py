"""Reads the end of a log file, for people (F-LOG-05)."""

import os
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from grokgate.telemetry.lines import HEAD, masked_line, readable_fields
from grokgate.telemetry.redact import redact_text

MOST_BYTES: Final = 1 << 20
"""Read from the end of a file, however long its lines are."""


class LogFile(Struct, frozen=True, kw_only=True):
    """One log file."""

    name: Annotated[str, Meta(examples=["app_2026-11-22.log"])]
    size_bytes: int
    mtime_ms: int
    """Unix milliseconds of its last line."""


def list_logs(directory: Path) -> list[LogFile]:
    """List the log files of *directory*, the one written last first; blocks."""
    found = []
    try:
        paths = sorted(directory.glob("*.log"))
    except OSError:
        return []
    for path in paths:
        try:
            about = path.stat(follow_symlinks=False)
        except OSError:
            continue  # rotated away meanwhile
        if path.is_file() and not path.is_symlink():
            mtime_ms = about.st_mtime_ns // 1_000_000
            found.append(LogFile(name=path.name, size_bytes=about.st_size, mtime_ms=mtime_ms))
    return sorted(found, key=lambda file: (-file.mtime_ms, file.name))


def tail(directory: Path, name: str, lines: int) -> list[str] | None:
    """Return the last *lines* of a log file, oldest first; None: there is none of that name.

    The name is compared with those in the folder, and never becomes a path. Secrets are masked once
    more: a predecessor's files may hold some. Blocks.
    """
    if name not in {file.name for file in list_logs(directory)}:
        return None
    try:
        with open(directory / name, "rb", opener=_open_file) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - MOST_BYTES))
            text = file.read(MOST_BYTES)
    except OSError:
        return None
    if size > MOST_BYTES:
        text = text[text.find(b"\n") + 1 :]  # the first line was cut
    return [masked_line(redact_text(_readable(line))) for line in text.splitlines()[-lines:]]


def _open_file(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def _readable(line: bytes) -> str:
    """Show a JSON line as ``time | LEVEL | caller - msg``; what is none is shown as it is."""
    try:
        event: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
        head = [str(event[name]) for name in HEAD]
    except (msgspec.DecodeError, KeyError):
        return line.decode(errors="replace")
    time, level, caller, msg = head
    return f"{time} | {level.upper()} | {caller} - {msg}{readable_fields(event)}"
