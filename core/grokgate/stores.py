"""What lies in a data folder, opened in this order: lock, key, database, tokens, keys, objects."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct

from grokgate.background import background
from grokgate.errors import StateError
from grokgate.keys import KeyRing
from grokgate.objects import ObjectStore, Replies
from grokgate.run_options import SANDBOX_FOLDER
from grokgate.settings import Boot
from grokgate.settings.media import QuotaSettings
from grokgate.settings.stored import StoredSettings
from grokgate.storage import Database, Place, hold_folder, open_database
from grokgate.tokens import TokenStore
from grokgate.upstream import Clock, Secret, UpstreamSpec
from grokgate.vault import Vault

KEY_FILE = "secret.key"
DATABASE_FILE = "grokgate.db"
_LOST = (
    "a key file exists but the database is new: earlier accounts and API keys are not here. "
    "If there were any, check DATA_DIR and storage.url, or restore a backup"
)


class Stores(Struct, frozen=True, kw_only=True):
    """The stores of one data folder, loaded."""

    database: Database
    vault: Vault
    tokens: TokenStore
    keys: KeyRing
    objects: ObjectStore
    replies: Replies
    settings: StoredSettings


def database_place(boot: Boot) -> Place:
    """Return where the database lies: a file, or the address of a server.

    Raises:
        StateError: The address does not fit ``storage.type``; it is not told, since it may hold a
            password.
    """
    url = boot.storage.url
    if boot.storage.is_on_server and boot.data_dir.name == SANDBOX_FOLDER:
        raise StateError(
            f"{boot.data_dir} is the folder of a sandbox, whose made-up accounts lie in a file of "
            "their own. Set SERVER_STORAGE_TYPE=local for it, and no SERVER_STORAGE_URL."
        )
    if boot.storage.is_on_server:
        if not url:
            raise StateError(
                "storage.type is pgsql, and storage.url names no server. Set SERVER_STORAGE_URL="
                "postgresql://USER:PASSWORD@HOST/DATABASE."
            )
        return Secret(url)
    if "://" in url:
        raise StateError(
            "storage.url names a database server, and only SQLite files are supported while "
            "storage.type is local. Set SERVER_STORAGE_TYPE=pgsql for PostgreSQL, or unset "
            "storage.url."
        )
    return Path(url) if url else boot.data_dir / DATABASE_FILE


def require_database(boot: Boot) -> None:
    """Make sure that a command which only looks makes nothing.

    Raises:
        StateError: There is no data folder, or no database file.
    """
    place, folder = database_place(boot), boot.data_dir
    if isinstance(place, Path) and not place.exists():
        raise StateError(no_database(folder, place))
    if not folder.is_dir():
        raise StateError(f"There is no data folder {folder}. Set DATA_DIR to the right one.")


def sandbox_instead(folder: Path) -> Path | None:
    """Return the data folder of ``serve --sandbox`` in *folder* if only that one has a database."""
    made_up = folder / SANDBOX_FOLDER
    lonely = (made_up / DATABASE_FILE).exists() and not (folder / DATABASE_FILE).exists()
    return made_up if lonely else None


def no_database(folder: Path, database: Path) -> str:
    """Say that *database* of the data folder *folder* is missing, and what to do."""
    missing = f"There is no database {database}."
    made_up = sandbox_instead(folder)
    if made_up is not None:
        return f"{missing} Set DATA_DIR={made_up} for the accounts of serve --sandbox."
    return (
        f"{missing} Set DATA_DIR to the right folder, or make one: grokgate serve, or grokgate "
        "tokens import FILE."
    )


class _Key:
    """The master key, opened when it is known whether there is something that needs it."""

    vault: Vault

    def __init__(
        self, boot: Boot, environ: Mapping[str, str], place: Place, *, create: bool, log: Any
    ) -> None:
        self._path = boot.data_dir / KEY_FILE
        self._text = environ.get("GROKGATE_SECRET_KEY")
        self._text_file = environ.get("GROKGATE_SECRET_KEY_FILE")
        self._place = place
        self._create = create
        self._log = log

    def open(self, is_new: bool) -> None:  # noqa: FBT001 - what was found of the database
        if is_new and not self._create:
            raise StateError("Nothing is stored in this database yet. Start it: grokgate serve.")
        if is_new and self._path.exists():
            self._log.warning("database_is_new", path=_shown(self._place), detail=_LOST)
        text_file = Path(self._text_file) if self._text_file else None
        self.vault = Vault.open(self._path, self._text, env_file=text_file, needed=not is_new)


def _shown(place: Place) -> str:
    return str(place) if isinstance(place, Path) else "PostgreSQL"


def _stop(holder: int | None) -> None:
    """Stop the service: another one goes on with its data."""
    if holder is not None:
        os.kill(holder, signal.SIGTERM)


@asynccontextmanager
async def open_stores(
    boot: Boot,
    environ: Mapping[str, str],
    *,
    specs: Mapping[str, UpstreamSpec],
    clock: Clock,
    day_begins: Callable[[], int] = lambda: QuotaSettings().tz_offset_minutes,
    log: Any,
    holder: int | None = None,
    create: bool = True,
    shared: bool = False,
    start: str | None = None,
    before_reading: Callable[[Database], Awaitable[None]] | None = None,
) -> AsyncIterator[Stores]:
    """Hold the data folder and open what lies in it, until the context is left.

    A database that is locked or does not answer is waited for as long as the environment says
    (F-ENV-10). *holder* is the process to be named to others that want the folder, and stopped when
    another one takes over the database; None: this one is named, and nobody stopped. *day_begins*
    returns when a day of the keys begins, minutes east of UTC. *create* makes what is not there.
    *shared*: others that share the database may have it open. *start*: as for `hold_folder`.
    *before_reading* is awaited when the database is open.

    Raises:
        StateError: Another process holds it, or its state is damaged; nothing was changed.
    """
    place = database_place(boot)
    key = _Key(boot, environ, place, create=create, log=log)
    with hold_folder(boot.data_dir, holder=holder, start=start):
        async with (
            open_database(
                place,
                shared=shared,
                wait_s=boot.storage_wait_timeout_s,
                interval_s=boot.storage_wait_interval_s,
                waiting=lambda reason: log.warning("database_awaited", detail=reason),
                found=key.open,
            ) as database,
            background(partial(database.watch, log=log, lost=partial(_stop, holder)), log=log),
        ):
            vault = key.vault
            if before_reading is not None:
                await before_reading(database)
            tokens = TokenStore(database, vault, specs, clock)
            await tokens.load()
            keys = KeyRing(database, vault, clock, offset_minutes=day_begins)
            await keys.load()
            replies = Replies(database, vault, clock)
            await replies.remove_expired()
            yield Stores(
                database=database,
                vault=vault,
                tokens=tokens,
                keys=keys,
                objects=ObjectStore(database, vault, clock, log=log),
                replies=replies,
                settings=StoredSettings(database, vault, clock),
            )
