"""What lies in a data folder, opened in this order: lock, key, database, tokens, keys, objects."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from grokgate.keys import KeyRing
from grokgate.objects import Objects
from grokgate.settings import Boot
from grokgate.storage import Database, hold_folder, open_database
from grokgate.tokens import TokenStore
from grokgate.upstream import Clock, UpstreamSpec
from grokgate.vault import Vault

KEY_FILE = "secret.key"
DATABASE_FILE = "grokgate.db"


class Stores(Struct, frozen=True, kw_only=True):
    """The stores of one data folder, loaded."""

    database: Database
    vault: Vault
    tokens: TokenStore
    keys: KeyRing
    objects: Objects


def database_path(boot: Boot) -> Path:
    """Return where the database of a data folder lies."""
    return Path(boot.storage.url) if boot.storage.url else boot.data_dir / DATABASE_FILE


@asynccontextmanager
async def open_stores(
    boot: Boot,
    environ: Mapping[str, str],
    *,
    specs: Mapping[str, UpstreamSpec],
    clock: Clock,
    log: Any,
) -> AsyncIterator[Stores]:
    """Hold the data folder and open what lies in it, until the context is left.

    A locked database is waited for as long as the environment says (F-ENV-10).

    Raises:
        StateError: Another process holds it, or its state is damaged; nothing was changed.
    """
    folder = boot.data_dir
    path = database_path(boot)
    with hold_folder(folder):
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
            keys = KeyRing(database, vault, clock)
            await keys.load()
            objects = Objects(database, vault, clock)
            await objects.remove_expired()
            yield Stores(database=database, vault=vault, tokens=tokens, keys=keys, objects=objects)
