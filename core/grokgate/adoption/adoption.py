"""Reads the files that a predecessor left in the data folder, each once; keeps a record of it.

A file counts as read by its digest. ``token.json`` is looked at again while the service runs: what
is new in it is added, notes and tags of known accounts follow it, and nothing else (F-MIG-08). No
file is ever written. One that cannot be used is told of, and tried again at the next start.

Symbolic links are followed, out of the folder too: containers mount files so, and nobody but the
operator can put one into the folder.
"""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio
from anyio import to_thread
from msgspec.structs import replace

from grokgate.adoption.intake import Intake
from grokgate.adoption.record import Record
from grokgate.adoption.report import AdoptionReport, FileReport
from grokgate.adoption.takeover import Takeover
from grokgate.errors import GatewayError
from grokgate.keys import KeyRing
from grokgate.legacy.state import UnreadableError
from grokgate.settings import Snapshot
from grokgate.storage import Database
from grokgate.tokens import TokenStore
from grokgate.upstream import Clock

TOKENS: Final = "token.json"
KEYS: Final = "api_keys.json"
USAGE: Final = "api_key_usage.json"
STATISTICS: Final = "stats.json"
NSFW: Final = "imagine_nsfw_state.json"
_MOST_BYTES: Final = 256 << 20
Read: TypeAlias = Callable[[bytes], Awaitable[FileReport]]


class Adoption:
    """Takes over one data folder.

    Args:
        folder: The data folder.
        database: Keeps the record.
        tokens: Takes accounts.
        keys: Takes API keys.
        settings: The snapshot in force.
        clock: Time.
        log: Told what was read.
    """

    def __init__(
        self,
        folder: Path,
        database: Database,
        tokens: TokenStore,
        keys: KeyRing,
        *,
        settings: Callable[[], Snapshot],
        clock: Clock,
        log: Any,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._log = log
        self._record = Record(database, clock, log)
        self._intake = Intake(
            database,
            tokens,
            keys,
            offset_minutes=lambda: settings().quota.tz_offset_minutes,
            clock=clock,
        )
        self.takeover = Takeover(self._record, self._intake, is_live=True)
        """Takes over what lies elsewhere; once the ledger is loaded."""
        self._mark: tuple[int, int] | None = None

    @property
    def report(self) -> AdoptionReport:
        """What was taken over so far, at earlier starts too."""
        return self._record.report

    async def begin(self) -> None:
        """Take over what is there and was not read before; call it before the ledger is loaded.

        A file that cannot be used is told in the log and the report, and stops nothing.

        Raises:
            StoreUnavailable: Nothing of the file at hand was taken over.
        """
        await self._record.load()
        if self._settings().token.file_sync == "import":
            self._mark = self._marked()
            await self._take(TOKENS, self._take_tokens)
        for name, read in (
            (KEYS, self._take_keys),
            (STATISTICS, self._take_statistics),
            (NSFW, self._take_nsfw_state),
        ):
            if self._record.digest(name) is None:
                await self._take(name, read)

    async def run(self) -> None:
        """Follow ``token.json`` until cancelled."""
        while True:
            await anyio.sleep(self._settings().token.reload_interval_sec)
            mark = self._marked()
            if mark != self._mark and self._settings().token.file_sync == "import":
                try:
                    await self._take(TOKENS, self._take_tokens)
                except GatewayError as error:  # the store: the next round tries again
                    self._log.warning("token_file_not_read", error=error.code)
                    continue
                self._mark = mark

    def _marked(self) -> tuple[int, int] | None:
        try:
            found = (self._folder / TOKENS).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    async def _take(self, name: str, read: Read) -> None:
        """Read one file, unless just this content was read before."""
        try:
            content = await to_thread.run_sync(read_old_file, self._folder / name)
            if content is None:
                return
            digest = hashlib.sha256(content).hexdigest()
            if self._record.digest(name) == digest:
                return
            report = await read(content)
        except UnreadableError as error:
            await self._record.note(FileReport(name=name, remarks=(str(error),)), None)
        else:
            await self._record.note(report, digest)

    async def _take_tokens(self, content: bytes) -> FileReport:
        relabel = self._record.digest(TOKENS) is not None
        return await self._intake.take_tokens(TOKENS, content, relabel=relabel)

    async def _take_keys(self, content: bytes) -> FileReport:
        try:
            usage = await to_thread.run_sync(read_old_file, self._folder / USAGE)
        except UnreadableError as error:
            report = await self._intake.take_keys(KEYS, content, None)
            return replace(report, remarks=(f"usage: {error}", *report.remarks))
        return await self._intake.take_keys(KEYS, content, usage)

    async def _take_statistics(self, content: bytes) -> FileReport:
        return await self._intake.take_statistics(STATISTICS, content)

    async def _take_nsfw_state(self, content: bytes) -> FileReport:
        return await self._intake.take_nsfw_state(NSFW, content)


def read_old_file(path: Path) -> bytes | None:
    """Return what a file holds; None: there is none.

    Raises:
        UnreadableError: It cannot be read, or is none that a predecessor wrote.
    """
    try:
        if not path.exists():
            return None
        if not path.is_file():
            raise UnreadableError("It is no file.")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UnreadableError(f"It cannot be read ({error.strerror}).") from None
    if len(content) > _MOST_BYTES:
        raise UnreadableError("It is too long.")
    return content
