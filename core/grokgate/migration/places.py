"""The two places of one installation's data: its SQLite file, and its PostgreSQL database."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from grokgate.errors import StateError
from grokgate.run_options import SANDBOX_FOLDER
from grokgate.settings import Boot, read_boot
from grokgate.storage.backend import Kind
from grokgate.stores import DATABASE_FILE
from grokgate.upstream import Secret

_ADDRESS: Final = frozenset(
    {"SERVER_STORAGE_URL", "GROKGATE__STORAGE__URL", "GROKGATE__STORAGE__URL_FILE"}
)
"""Variables that hide the ``storage.url`` of the file."""


class Places(Struct, frozen=True, kw_only=True):
    """Where the data of an installation may lie."""

    file: Path
    server: Secret
    used: Kind | None
    """The one that a service uses by the settings of now; None: they do not fit together."""


def find_places(folder: Path, environ: Mapping[str, str], *, file: Path | None = None) -> Places:
    """Return both places, as the environment, the settings and the default name them.

    Args:
        folder: The data folder.
        environ: As `load_environment` returns it.
        file: The SQLite file; None: what ``storage.url`` says, or the usual one.

    Raises:
        StateError: No address of a server is known, or it is the folder of a sandbox.
    """
    if folder.name == SANDBOX_FOLDER:
        raise StateError(f"{folder} is the folder of a sandbox, whose accounts are made up.")
    boot = read_boot(folder, environ)
    urls = [*_urls(boot, folder, environ)]
    server = next((url for url in urls if "://" in url), None)
    if server is None:
        raise StateError(
            "No PostgreSQL database is named. Set SERVER_STORAGE_URL=postgresql://USER:PASSWORD@"
            "HOST/DATABASE, or SERVER_STORAGE_URL_FILE to a file that holds it."
        )
    named = next((Path(url) for url in urls if url and "://" not in url), folder / DATABASE_FILE)
    used = _used(boot)
    if used == "local" and file not in {None, named}:
        used = None  # a service uses another file
    return Places(file=file or named, server=Secret(server), used=used)


def lines_to_set(places: Places, kind: Kind) -> list[str]:
    """Return the settings with which a service uses the place of *kind*; empty: those of now."""
    if kind == places.used:
        return []
    if kind == "pgsql":
        return ["SERVER_STORAGE_TYPE=pgsql"]
    return ["SERVER_STORAGE_TYPE=local", f"SERVER_STORAGE_URL={places.file.absolute()}"]


def _used(boot: Boot) -> Kind | None:
    if boot.storage.is_on_server:
        return "pgsql"
    return None if "://" in boot.storage.url else "local"


def _urls(boot: Boot, folder: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the ``storage.url`` in force, then the one that the environment hides."""
    yield boot.storage.url
    unhidden = {name: value for name, value in environ.items() if name not in _ADDRESS}
    yield read_boot(folder, unhidden).storage.url
