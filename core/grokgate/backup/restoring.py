"""Makes a data folder from an archive."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from grokgate.backup.archive import CONFIG_CONTEXT, Manifest, check_key, unpack
from grokgate.backup.files import private_folder, sync, write
from grokgate.backup.passphrase import unsealed
from grokgate.errors import StartupError, StateError
from grokgate.settings.sources import FILE
from grokgate.storage import Place
from grokgate.storage.copying import check_copy, filled_server
from grokgate.storage.folder import hold_folder
from grokgate.stores import DATABASE_FILE, KEY_FILE
from grokgate.upstream import Secret
from grokgate.vault import Vault

_DRAFT: Final = ".restore-"
_INTERRUPTED: Final = b"The restore of a backup was interrupted here: run it again.\n"
_LOGS: Final = ("-wal", "-journal")
"""Endings of files whose contents would be played into the restored database."""


def restore_backup(
    source: Path,
    folder: Path,
    *,
    env_key: str | None,
    passphrase: str | None,
    locate: Callable[[Path], Place],
) -> Manifest:
    """Make the data folder *folder* from the archive *source*; run it again after a crash.

    Args:
        source: An archive of `make_backup`.
        folder: Must not hold other settings; a key file in it stays, and must open what is in the
            archive.
        env_key: Value of ``GROKGATE_SECRET_KEY``; stands for the key file.
        passphrase: Opens the key of the archive; None: the key is there already.
        locate: Returns where the database of a data folder lies, by the settings in it. Nothing may
            be stored there.

    Raises:
        StartupError: The archive is none of ours, or the passphrase is missing or wrong.
        StateError: The folder is in use, there is a database already, or the archive is damaged or
            newer.
        OSError: A file cannot be read or written.
    """
    with hold_folder(folder):
        for left in folder.glob(f"{_DRAFT}*"):
            shutil.rmtree(left, ignore_errors=True)
        with private_folder(folder, _DRAFT) as draft:
            manifest = unpack(source, draft)
            check_copy(draft / DATABASE_FILE)
            _open(draft, folder, env_key=env_key, passphrase=passphrase)
            database = _place_of_database(draft, folder, locate)
            _refuse_settings(draft, folder)
            if isinstance(database, Path):
                _refuse_database(database)
                _put_in_place(draft, folder, database)
            else:
                asyncio.run(_put_on_server(draft, folder, database))
    return manifest


def _open(draft: Path, folder: Path, *, env_key: str | None, passphrase: str | None) -> None:
    """Open what is sealed in the parts of an archive; the key that will be in force must fit."""
    there, ours = folder / KEY_FILE, draft / KEY_FILE
    if env_key or there.exists():
        ours.unlink(missing_ok=True)
    elif ours.exists():
        write(ours, [unsealed(_taken(ours), passphrase)])
    else:
        raise StartupError(
            f"The key is missing: put the {KEY_FILE} that belongs to this backup into {folder}, or "
            "set GROKGATE_SECRET_KEY."
        )
    source = "GROKGATE_SECRET_KEY" if env_key else str(there)
    vault = Vault.open(ours if ours.exists() else there, env_key, needed=True)
    reason = f"The key in {source} does not belong to this backup, or is older than it."
    check_key(vault, draft / DATABASE_FILE, reason)
    if (draft / FILE).exists():
        write(draft / FILE, [vault.unseal(_taken(draft / FILE), context=CONFIG_CONTEXT)])


def _taken(path: Path) -> bytes:
    """Return what is in a file, and remove it."""
    content = path.read_bytes()
    path.unlink()
    return content


def _place_of_database(draft: Path, folder: Path, locate: Callable[[Path], Place]) -> Place:
    """Return where the service will look for the database, by the settings that will be there."""
    settled = draft if (draft / FILE).exists() else folder
    place = locate(settled)
    return folder / DATABASE_FILE if place == settled / DATABASE_FILE else place


def _refuse_settings(draft: Path, folder: Path) -> None:
    ours, there = draft / FILE, folder / FILE
    if ours.exists() and there.exists() and ours.read_bytes() != there.read_bytes():
        raise StateError(f"There are other settings already: {there}. Move that file away.")


def _refuse_database(database: Path) -> None:
    logs = [database.with_name(database.name + ending) for ending in _LOGS]
    left = [path for path in logs if path.exists() and path.stat().st_size]
    if left or (database.exists() and not _is_interrupted(database)):
        path = left[0] if left else database
        raise StateError(
            f"There is a database already: {path}. Move all files of it away, or set DATA_DIR to "
            "another folder."
        )


def _is_interrupted(path: Path) -> bool:
    return path.stat().st_size == len(_INTERRUPTED) and path.read_bytes() == _INTERRUPTED


def _put_in_place(draft: Path, folder: Path, database: Path) -> None:
    with private_folder(database.parent, _DRAFT) as beside:
        write(beside / "mark", [_INTERRUPTED])
        (beside / "mark").replace(database)
        sync(database.parent)
        _put_files(draft, folder)
        # It may belong on another file system.
        shutil.move(draft / DATABASE_FILE, beside / DATABASE_FILE)
        sync(beside / DATABASE_FILE)
        (beside / DATABASE_FILE).replace(database)
        sync(database.parent)


async def _put_on_server(draft: Path, folder: Path, database: Secret) -> None:
    async with filled_server(draft / DATABASE_FILE, database):
        _put_files(draft, folder)


def _put_files(draft: Path, folder: Path) -> None:
    for name in (KEY_FILE, FILE):
        if (draft / name).exists():
            (draft / name).replace(folder / name)
    sync(folder)
