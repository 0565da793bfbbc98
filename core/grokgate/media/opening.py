"""Opens everything about stored media and files at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from grokgate.media.cleaning import Cleaning
from grokgate.media.files import Files
from grokgate.media.forms import Forms
from grokgate.media.pictures import Pictures
from grokgate.media.store import ByteStore
from grokgate.settings import Snapshot
from grokgate.spool import Room
from grokgate.storage import Database
from grokgate.upstream import Clock
from grokgate.vault import Vault


class MediaServices(Struct, frozen=True, kw_only=True):
    """The services of this package, over one store and one index."""

    pictures: Pictures
    files: Files
    forms: Forms
    cleaning: Cleaning


def open_media(
    database: Database,
    vault: Vault,
    *,
    data_dir: Path,
    clock: Clock,
    settings: Callable[[], Snapshot],
    base: Callable[[], str],
    is_active: Callable[[str], bool],
    room: Room,
    log: Any,
) -> MediaServices:
    """Open the store that ``storage.media_url`` names; the arguments are those of the services.

    Raises:
        StateError: The store cannot be used.
    """
    store = ByteStore.open(settings().storage.media_url, data_dir=data_dir)
    pictures = Pictures(
        database,
        store,
        vault,
        clock=clock,
        settings=settings,
        base=base,
        is_active=is_active,
    )
    files = Files(database, store, clock=clock, settings=settings)
    return MediaServices(
        pictures=pictures,
        files=files,
        forms=Forms(data_dir / "tmp", file_mb=lambda: settings().limits.file_mb, room=room),
        cleaning=Cleaning(
            database,
            store,
            pictures,
            files,
            data_dir=data_dir,
            clock=clock,
            settings=settings,
            log=log,
        ),
    )
