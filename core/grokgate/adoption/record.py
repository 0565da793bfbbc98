"""What was taken over so far, kept in the database so that nothing is taken twice."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from grokgate.adoption.report import AdoptionReport, FileReport
from grokgate.storage import Database
from grokgate.storage.meta import read_fact, write_fact
from grokgate.upstream import Clock

_FACT: Final = "adoption"


class _Known(Struct, frozen=True, kw_only=True):
    """What the database says of earlier readings."""

    digests: Mapping[str, str] = {}
    """File name → SHA-256 of what was read."""
    report: AdoptionReport = AdoptionReport()


class Record:
    """Remembers what was read, and tells the log.

    Args:
        database: Keeps it.
        clock: Time.
        log: Told what was read.
    """

    def __init__(self, database: Database, clock: Clock, log: Any) -> None:
        self._database = database
        self._clock = clock
        self._log = log
        self._known = _Known()

    @property
    def report(self) -> AdoptionReport:
        """What was taken over so far, at earlier starts too."""
        return self._known.report

    async def load(self) -> None:
        """Read what the database says."""
        async with self._database.read() as connection:
            stored = await read_fact(connection, _FACT)
        if stored is not None:
            self._known = msgspec.json.decode(stored, type=_Known)

    def digest(self, name: str) -> str | None:
        """Return the digest of what was last read under *name*; None: nothing ever was."""
        return self._known.digests.get(name)

    async def note(self, report: FileReport, digest: str | None) -> None:
        """Keep what became of a file, and log it.

        Args:
            report: What became of it.
            digest: Of what was read; None: it may be taken again, or was of no use.

        Raises:
            StoreUnavailable: Nothing was kept.
        """
        report = report.shortened()
        digests = {} if digest is None else {report.name: digest}
        known = _Known(
            digests={**self._known.digests, **digests},
            report=self._known.report.with_file(
                report, at_ms=int(self._clock.now().timestamp() * 1000)
            ),
        )
        async with self._database.write() as connection:
            await write_fact(connection, _FACT, msgspec.json.encode(known))
        self._known = known
        self._log.info("predecessor_file_read", file=report.name, **report.counts)
        for remark in report.remarks:
            self._log.warning("predecessor_file_remark", file=report.name, detail=remark)
