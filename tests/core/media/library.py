"""The media services on a folder of the test's own."""

from collections.abc import AsyncGenerator, AsyncIterable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from msgspec import structs
from structlog.testing import CapturingLogger

from grokgate.media import ByteStore, Cleaning, Files, Pictures
from grokgate.plugin import MediaRef
from grokgate.settings.media import CacheSettings, FilesSettings, QuotaSettings
from grokgate.settings.startup import StorageSettings
from grokgate.storage import Database
from grokgate.storage.media import MediaKind
from grokgate.testing import FakeClock
from grokgate.upstream import Blob
from grokgate.vault import Vault

PNG = b"\x89PNG\r\n\x1a\n" + bytes(92)
"""100 bytes that begin like a picture."""
MP4 = b"\x00\x00\x00\x18ftypisom" + bytes(88)
KB = 1 << 10
MB = 1 << 20


class Snapshot:
    """The sections that these services read."""

    def __init__(self) -> None:
        self.cache = CacheSettings()
        self.files = FilesSettings()
        self.quota = QuotaSettings()
        self.storage = StorageSettings()


class Library:
    """Pictures, files and their cleaning over one folder and one index."""

    def __init__(self, folder: Path, database: Database, clock: FakeClock) -> None:
        self.folder = folder
        self.clock = clock
        self.settings: Any = Snapshot()
        self.base = "https://gw.example"
        self.inactive: set[str] = set()
        self.log = CapturingLogger()
        self.store = ByteStore(folder)
        self.pictures = Pictures(
            database,
            self.store,
            Vault(bytes(32)),
            clock=clock,
            settings=lambda: self.settings,
            base=lambda: self.base,
            is_active=lambda key: key not in self.inactive,
        )
        self.files = Files(database, self.store, clock=clock, settings=lambda: self.settings)
        self.cleaning = Cleaning(
            database,
            self.store,
            self.pictures,
            self.files,
            data_dir=folder,
            clock=clock,
            settings=lambda: self.settings,
            log=self.log,
        )

    def change(self, section: str, **values: Any) -> None:
        setattr(self.settings, section, structs.replace(getattr(self.settings, section), **values))

    async def save(
        self,
        content: bytes = PNG,
        *,
        kind: MediaKind = "image",
        owner: str = "k1",
        keep_until: datetime | None = None,
    ) -> MediaRef:
        return await self.pictures.save(one(content), kind=kind, owner=owner, keep_until=keep_until)

    async def add(
        self,
        content: bytes = b"hello",
        *,
        owner: str = "k1",
        purpose: Literal["user_data", "batch"] = "user_data",
        seconds: int | None = None,
    ) -> str:
        blob = Blob.of_bytes(content, mime="text/plain", name="a.txt")
        row = await self.files.add(blob, owner=owner, purpose=purpose, expires_after_s=seconds)
        return row.id

    async def follow(self, link: str, **changed: str) -> bytes:
        """Open a link as the route does, with parts of it changed."""
        place = urlsplit(link)
        query = {name: values[0] for name, values in parse_qs(place.query).items()}
        kind, name = place.path.split("/")[-2:]
        parts = {"name": name, **query, **changed}
        found = await self.pictures.linked(
            "video" if kind == "video" else "image",
            parts["name"],
            exp=parts["exp"],
            sig=parts["sig"],
        )
        return await whole(await self.pictures.read(found.row, start=0, end=found.row.size))

    def names(self, folder: str) -> set[str]:
        """The files that lie in a folder."""
        place = self.folder / folder
        return {path.name for path in place.iterdir()} if place.is_dir() else set()


async def one(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content


async def whole(source: AsyncIterable[bytes]) -> bytes:
    return b"".join([piece async for piece in source])
