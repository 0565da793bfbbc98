"""Makes an archive of a data folder."""

import asyncio
import os
from datetime import datetime
from pathlib import Path

from grokgate.backup.archive import CONFIG_CONTEXT, Manifest, check_key, pack
from grokgate.backup.files import private_folder, sync, write
from grokgate.backup.passphrase import SHORTEST_PASSPHRASE, sealed
from grokgate.errors import StartupError, StateError
from grokgate.settings.sources import FILE
from grokgate.storage import Place
from grokgate.storage.copying import copy_database, copy_server
from grokgate.stores import DATABASE_FILE, KEY_FILE
from grokgate.vault import Vault


def make_backup(
    folder: Path,
    database: Place,
    target: Path,
    *,
    env_key: str | None,
    passphrase: str | None,
    now: datetime,
) -> Manifest:
    """Write the archive *target*; a service may run on *folder* meanwhile.

    Args:
        folder: The data folder.
        database: Its database, a file or the address of a server.
        target: Must not exist; nobody else may read it.
        env_key: Value of ``GROKGATE_SECRET_KEY``.
        passphrase: Seals the key file, which is left out without one.
        now: For the manifest.

    Raises:
        StartupError: There is nothing to back up, *target* exists, or the passphrase is too short.
        StateError: The database cannot be copied, or the key does not belong to it.
        OSError: A file cannot be read or written.
    """
    if isinstance(database, Path) and not database.exists():
        raise StateError(f"There is no database {database}, so there is nothing to back up.")
    if passphrase is not None:
        _check_passphrase(passphrase, folder / KEY_FILE, env_key)
    with private_folder(target.parent, ".backup-") as draft:
        _copy(database, draft / DATABASE_FILE)
        # After the database: a key that is added meanwhile is in the file before it seals.
        vault = Vault.open(folder / KEY_FILE, env_key, needed=True)
        check_key(vault, draft / DATABASE_FILE, f"The key does not belong to {_named(database)}.")
        if (folder / FILE).exists():
            write(draft / FILE, [vault.seal((folder / FILE).read_bytes(), context=CONFIG_CONTEXT)])
        if passphrase is not None:
            write(draft / KEY_FILE, [sealed((folder / KEY_FILE).read_bytes(), passphrase)])
        manifest = pack(draft, draft / "archive", now=now)
        try:
            os.link(draft / "archive", target)
        except FileExistsError:
            raise StartupError(f"{target} exists already; name another file.") from None
        sync(target.parent)
    return manifest


def _copy(database: Place, copy: Path) -> None:
    if isinstance(database, Path):
        copy_database(database, copy)
    else:
        asyncio.run(copy_server(database, copy))


def _named(database: Place) -> str:
    return str(database) if isinstance(database, Path) else "the database of storage.url"


def _check_passphrase(passphrase: str, key_file: Path, env_key: str | None) -> None:
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise StartupError(f"A passphrase has at least {SHORTEST_PASSPHRASE} characters.")
    if env_key or not key_file.exists():
        raise StartupError(
            "The key comes from GROKGATE_SECRET_KEY: keep that; make the backup without passphrase."
        )
