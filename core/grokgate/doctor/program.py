"""What is to be said of the program itself and of its configuration."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from grokgate.doctor.finding import Finding, Level

_BUG = ((3, 7, 0), (3, 51, 2))
"""Versions of SQLite, both included, whose WAL can lose what was written (reliability 2)."""


class Program(Struct, frozen=True, kw_only=True):
    """What is looked at."""

    version: str
    python: str
    sqlite: tuple[int, ...]
    plugins: Sequence[str]
    """Names of those that loaded."""
    broken: Mapping[str, str]
    """Name → reason."""
    config: Path
    warnings: Sequence[str]
    """Of the configuration."""
    written_secrets: Sequence[str]
    """Keys of secret settings that stand in the configuration file."""
    host: str
    port: int
    on_loopback: bool
    anonymous: bool


def wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Tell whether this version of SQLite has the bug."""
    first, last = _BUG
    return first <= version <= last


def look_at_program(program: Program) -> Iterator[Finding]:
    """Judge *program*."""
    yield _found("program", version=program.version, python=program.python)
    yield _found("plugins", names=", ".join(program.plugins))
    for name, reason in program.broken.items():
        yield _found("plugin_broken", level="attention", name=name, reason=reason)
    yield _sqlite(program.sqlite)
    for warning in program.warnings:
        yield _found("config_warning", level="attention", warning=warning)
    if not program.warnings:
        yield _found("config", path=str(program.config))
    if program.written_secrets:
        keys = ", ".join(program.written_secrets)
        yield _found("config_secrets", level="note", keys=keys, path=str(program.config))
    yield _listening(program)


def _sqlite(version: tuple[int, ...]) -> Finding:
    text = ".".join(map(str, version))
    if wal_reset_bug(version):
        # No fault of this installation: the bug needs two writers, and there is one.
        return _found("sqlite_wal_reset", level="note", version=text)
    return _found("sqlite", version=text)


def _listening(program: Program) -> Finding:
    address = f"{program.host}:{program.port}"
    if program.on_loopback:
        return _found("listening", address=address)
    if program.anonymous:
        return _found("listening_anonymous", level="attention", address=address)
    return _found("listening_open", level="note", address=address)


def _found(code: str, *, level: Level = "ok", **values: str) -> Finding:
    return Finding(area="program", code=code, level=level, values=values)
