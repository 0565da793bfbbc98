"""What lies in a data folder, opened in this order: lock, key, database, tokens, keys, objects."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from grokgate.errors import StateError
from grokgate.keys import KeyRing
from grokgate.objects import ObjectStore, Replies
from grokgate.run_options import SANDBOX_FOLDER
from grokgate.settings import Boot
from grokgate.settings.media import QuotaSettings
from grokgate.settings.stored import StoredSettings
from grokgate.storage import Database, hold_folder, is_new, open_database
from grokgate.tokens import TokenStore
from grokgate.upstream import Clock, UpstreamSpec
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


def database_path(boot: Boot) -> Path:
    """Return where the database of a data folder lies.

    Raises:
        StateError: The settings name a server; its address, which may hold a password, is not told.
    """
    if "://" in boot.storage.url:
        raise StateError(
            "storage.url names a database server, and only SQLite files are supported. Unset it, "
            "or set it to the path of a file."
        )
    return Path(boot.storage.url) if boot.storage.url else boot.data_dir / DATABASE_FILE


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
) -> AsyncIterator[Stores]:
    """Hold the data folder and open what lies in it, until the context is left.

    A locked database is waited for as long as the environment says (F-ENV-10). *holder* is the
    process to be named to others that want the folder; None: this one. *day_begins* returns when a
    day of the keys begins, minutes east of UTC.

    Raises:
        StateError: Another process holds it, or its state is damaged; nothing was changed.
    """
    folder = boot.data_dir
    path = database_path(boot)
    with hold_folder(folder, holder=holder):
        if (folder / KEY_FILE).exists() and is_new(path):
            log.warning("database_is_new", path=str(path), detail=_LOST)
        vault = Vault.open(
            folder / KEY_FILE, environ.get("GROKGATE_SECRET_KEY"), needed=path.exists()
        )
        async with open_database(
            path,
            wait_s=boot.storage_wait_timeout_s,
            interval_s=boot.storage_wait_interval_s,
            waiting=lambda: log.warning("database_locked", path=str(path)),
        ) as database:
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
