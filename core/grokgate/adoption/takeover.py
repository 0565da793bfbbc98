"""Takes over what was read from a predecessor elsewhere, when an operator asks for it."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from grokgate.adoption.intake import Intake
from grokgate.adoption.record import Record
from grokgate.adoption.report import FileReport
from grokgate.legacy.state import UnreadableError


class OldFile(Struct, frozen=True, kw_only=True):
    """What a predecessor kept, in the form of one of its files."""

    name: str
    """For the report, such as ``redis/accounts``; never that of a file in the data folder."""
    kind: Literal["tokens", "keys", "statistics", "nsfw"]
    text: str
    usage: str | None = None
    """With keys: what they used, by day."""
    after: int = 0
    """With accounts: how many of the same list came in earlier texts."""


class _Wanted(Struct, frozen=True, kw_only=True):
    files: tuple[OldFile, ...]
    rehearsal: bool = False


class Takeover:
    """Carries out ``migrate`` (F-MIG-12, F-MIG-13).

    Args:
        record: Remembers what was read.
        intake: Takes it over.
        is_live: Whether a service runs, whose ledger knows better what accounts did today.
    """

    def __init__(self, record: Record, intake: Intake, *, is_live: bool) -> None:
        self._record = record
        self._intake = intake
        self._is_live = is_live

    async def run(self, arguments: Mapping[str, Any]) -> list[FileReport]:
        """Take over files, or with ``rehearsal`` tell what would become of each.

        Args:
            arguments: ``files`` and ``rehearsal``, as JSON types.

        Raises:
            StoreUnavailable: Nothing of the file at hand was taken over.
        """
        wanted = msgspec.convert(arguments, _Wanted)
        await self._record.load()
        reports = []
        for file in wanted.files:
            report = await self._taken(file, rehearsal=wanted.rehearsal)
            if not wanted.rehearsal:
                await self._record.note(report, None)
            reports.append(report)
        return reports

    async def _taken(self, file: OldFile, *, rehearsal: bool) -> FileReport:
        try:
            return await self._take(file, rehearsal=rehearsal)
        except UnreadableError as error:
            return _left(file, str(error))

    async def _take(self, file: OldFile, *, rehearsal: bool) -> FileReport:
        match file.kind:
            case "tokens":
                return await self._intake.take_tokens(
                    file.name, file.text, after=file.after, rehearsal=rehearsal
                )
            case "keys":
                usage = None if file.usage is None else file.usage.encode()
                return await self._intake.take_keys(
                    file.name, file.text.encode(), usage, rehearsal=rehearsal
                )
            case "statistics":
                return await self._intake.take_statistics(
                    file.name, file.text.encode(), rehearsal=rehearsal
                )
            case "nsfw":
                if self._is_live:
                    return _left(file, "Counts of today are taken only while no service runs.")
                return await self._intake.take_nsfw_state(
                    file.name, file.text.encode(), rehearsal=rehearsal
                )


def _left(file: OldFile, reason: str) -> FileReport:
    return FileReport(name=file.name, remarks=(reason,))
