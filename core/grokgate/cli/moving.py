"""``grokgate migrate --to``: from SQLite to PostgreSQL and back, or a comparison of both."""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from grokgate.cli.notes import note
from grokgate.cli.place import data_dir, environment
from grokgate.cli.progress import Progress
from grokgate.cli.table import counted, print_table
from grokgate.migration.moving import Examined, examine, move
from grokgate.migration.places import Places, find_places, lines_to_set
from grokgate.storage.backend import Kind
from grokgate.storage.moving import Comparison

_NAMES: Final[dict[Kind, str]] = {"local": "SQLite", "pgsql": "PostgreSQL"}
_KEY: Final = "GROKGATE_SECRET_KEY"


def move_data(arguments: argparse.Namespace) -> int:
    """Move everything to the other kind of database; 1 when it did not arrive as it was."""
    environ = environment()
    folder, kind = data_dir(environ), arguments.to
    places = find_places(folder, environ, file=_file(arguments))
    told = _Telling()
    try:
        tables = asyncio.run(
            move(places, kind, folder=folder, env_key=environ.get(_KEY), told=told)
        )
    finally:
        told.clear()
    _print_tables(tables, kind)
    if not _is_same(tables):
        note("they differ: nothing uses what was written; look for what changed, and move again")
        return 1
    rows = sum(table.source.rows for table in tables)
    print(f"\nmoved {counted(rows, 'row')} to {_NAMES[kind]}; the source keeps its rows")
    _print_settings(places, kind)
    return 0


def compare_data(arguments: argparse.Namespace) -> int:
    """Compare both databases without stopping anything; 1 when they differ."""
    environ = environment()
    folder, kind = data_dir(environ), arguments.to
    places = find_places(folder, environ, file=_file(arguments))
    found = asyncio.run(examine(places, kind, folder=folder, env_key=environ.get(_KEY)))
    _print_tables(found.tables, kind)
    return _judge(found)


class _Telling:
    """Shows how far each table is."""

    def __init__(self) -> None:
        self._progress = Progress("")
        self._table = ""

    def __call__(self, table: str, share: float) -> None:
        if table != self._table:
            self._table, self._progress = table, Progress(f"moving {table}")
        self._progress.show(share)

    def clear(self) -> None:
        """Leave the line empty."""
        self._progress.clear()


def _file(arguments: argparse.Namespace) -> Path | None:
    return Path(arguments.file) if arguments.file else None


def _print_tables(tables: Sequence[Comparison], kind: Kind) -> None:
    source, target = sorted(_NAMES, key=lambda name: name == kind)
    rows = [
        {
            "table": table.table,
            _NAMES[source]: table.source.rows,
            _NAMES[target]: table.target.rows,
            "contents": "same" if table.is_same else "different",
        }
        for table in tables
    ]
    print_table(rows, empty="")


def _is_same(tables: Sequence[Comparison]) -> bool:
    return all(table.is_same for table in tables)


def _judge(found: Examined) -> int:
    for name in found.foreign:
        note(f"{name} needs another secret key than that of the data folder")
    different = [table.table for table in found.tables if not table.is_same]
    if different:
        note(f"they differ in {', '.join(different)}")
    return 1 if found.foreign or different else 0


def _print_settings(places: Places, kind: Kind) -> None:
    lines = lines_to_set(places, kind)
    if not lines:
        print("the settings name it already: start the service")
        return
    print("set this, in the environment or as storage.… in config.toml, then start the service:")
    for line in lines:
        print(f"  {line}")
    if kind == "pgsql":
        print("the address stays where it is set now")
