"""``grokgate backup`` and ``grokgate restore``: a data folder as one archive, and back."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from grokgate.backup import make_backup, restore_backup
from grokgate.cli.notes import note
from grokgate.cli.place import data_dir, environment
from grokgate.settings import read_boot
from grokgate.stores import KEY_FILE, database_place

_KEY: Final = "GROKGATE_SECRET_KEY"


def make(arguments: argparse.Namespace) -> None:
    """Write the archive; a service may run meanwhile."""
    environ = environment()
    folder = data_dir(environ)
    target = Path(arguments.file)
    manifest = make_backup(
        folder,
        database_place(read_boot(folder, environ)),
        target,
        env_key=environ.get(_KEY),
        passphrase=_passphrase(arguments),
        now=datetime.now(UTC),
    )
    print(f"wrote {target}: {', '.join(manifest.parts)}")
    if KEY_FILE not in manifest.parts:
        note(f"the key is not in it: keep {folder / KEY_FILE} (or GROKGATE_SECRET_KEY) apart")


def restore(arguments: argparse.Namespace) -> None:
    """Make the data folder from an archive."""
    environ = environment()
    folder = data_dir(environ)
    manifest = restore_backup(
        Path(arguments.file),
        folder,
        env_key=environ.get(_KEY),
        passphrase=_passphrase(arguments),
        locate=lambda settled: database_place(read_boot(settled, environ)),
    )
    print(f"restored {folder} as of {manifest.made_at:%Y-%m-%d %H:%M} UTC")


def _passphrase(arguments: argparse.Namespace) -> str | None:
    path: str | None = arguments.passphrase_file
    return None if path is None else Path(path).read_text(encoding="utf-8").strip()
