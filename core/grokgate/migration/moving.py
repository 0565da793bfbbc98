"""Moves an installation from one kind of database to the other, and compares both.

The service is stopped meanwhile: the lock of the data folder, and that of the server's database,
are held. The source keeps its rows, and the settings stay; a source of an
older version is brought up to date first, as by a start.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from grokgate.errors import StateError, StoreUnavailable
from grokgate.migration.places import Places
from grokgate.storage import Database, Place, hold_folder, open_database
from grokgate.storage.backend import Kind
from grokgate.storage.moving import (
    Comparison,
    Told,
    compare,
    complete,
    looked_at,
    prepare,
    require_current,
)
from grokgate.storage.sealed import is_opened_by
from grokgate.stores import KEY_FILE
from grokgate.vault import Vault


class Examined(Struct, frozen=True, kw_only=True):
    """What a look at both databases found."""

    foreign: tuple[str, ...]
    """Names of those that the key of the data folder does not open."""
    tables: list[Comparison]


async def move(
    places: Places, kind: Kind, *, folder: Path, env_key: str | None, told: Told
) -> list[Comparison]:
    """Move everything to the place of *kind*, in which nothing may be stored; compare both.

    The target stays unusable where they differ, and after an interruption: moving again starts
    over.

    Args:
        places: Of the databases.
        kind: Of the target.
        folder: The data folder, whose key stays the key of the data.
        env_key: Value of ``GROKGATE_SECRET_KEY``.
        told: Told how far it is.

    Raises:
        StateError: A service runs, there is nothing to move, the target holds something, the key
            is another one, or one of them cannot be used.
    """
    source_place, target_place = _directed(places, kind)
    _require_there(folder, source_place)
    with hold_folder(folder):
        async with _source(source_place) as source, looked_at(target_place) as target:
            vault = Vault.open(folder / KEY_FILE, env_key, needed=True)
            if not await _is_opened(source, vault):
                raise StateError(
                    f"The secret key does not open everything in {source.backend.name}. Restore "
                    "the key file that belongs to it, or set GROKGATE_SECRET_KEY to its text."
                )
            await prepare(target, key_id=vault.key_id)
            return await complete(source, target, told=told)


async def examine(places: Places, kind: Kind, *, folder: Path, env_key: str | None) -> Examined:
    """Compare both databases without changing anything; services may run on them.

    Args: See `move`.

    Raises:
        StateError: One of them is not there, incomplete, older or newer, or cannot be used.
    """
    source_place, target_place = _directed(places, kind)
    _require_there(folder, places.file)
    vault = Vault.open(folder / KEY_FILE, env_key, needed=True)
    async with looked_at(source_place) as source, looked_at(target_place) as target:
        for database in (source, target):
            await require_current(database)
        foreign = [
            database.backend.name
            for database in (source, target)
            if not await _is_opened(database, vault)
        ]
        return Examined(foreign=tuple(foreign), tables=await compare(source, target))


def _directed(places: Places, kind: Kind) -> tuple[Place, Place]:
    """Return source and target of a move to the place of *kind*."""
    if kind == "pgsql":
        return places.file, places.server
    return places.server, places.file


def _require_there(folder: Path, place: Place) -> None:
    if not folder.is_dir():
        raise StateError(f"There is no data folder {folder}. Set DATA_DIR to the right one.")
    if isinstance(place, Path) and not place.exists():
        raise StateError(f"There is no database {place}. Name the right one: --file FILE.")


@asynccontextmanager
async def _source(place: Place) -> AsyncIterator[Database]:
    """Open the source, with the lock that keeps services away."""

    def refuse_new(is_new: bool) -> None:  # noqa: FBT001 - what was found of the database
        if is_new:
            raise StateError("Nothing is stored there yet, so there is nothing to move.")

    async with open_database(place, found=refuse_new) as database:
        try:
            yield database
        except StoreUnavailable as error:
            raise StateError(database.backend.reason(error)) from error


async def _is_opened(database: Database, vault: Vault) -> bool:
    async with database.read() as connection:
        return await is_opened_by(connection, vault)
