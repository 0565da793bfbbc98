"""Takes over the contents of a predecessor's files: accounts, keys, statistics, today's counts."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Final

from msgspec.structs import replace

from grokgate.adoption.report import MOST_REMARKS, FileReport
from grokgate.keys import KeyRing, OldKey
from grokgate.legacy import state as old
from grokgate.legacy.report import Remark
from grokgate.storage import Database
from grokgate.storage.meta import read_fact, write_fact
from grokgate.storage.statistics import Numbers, Slot, add_numbers
from grokgate.tokens import TokenStore
from grokgate.upstream import Clock

_DIGEST_CHARS: Final = 12
_NOTE: Final = "day:nsfw_day"
"""Under which a token keeps how often it was used today (F-NSFW-06)."""
_NUMBERED: Final = re.compile(r"\[(\d+)\]")


class Intake:
    """Takes contents in, each in one transaction; a rehearsal tells the same and writes nothing.

    Args:
        database: Takes statistics.
        tokens: Takes accounts.
        keys: Takes API keys.
        offset_minutes: When a day begins, east of UTC.
        clock: Time.
    """

    def __init__(
        self,
        database: Database,
        tokens: TokenStore,
        keys: KeyRing,
        *,
        offset_minutes: Callable[[], int],
        clock: Clock,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._keys = keys
        self._offset_minutes = offset_minutes
        self._clock = clock

    async def take_tokens(
        self,
        name: str,
        content: str | bytes,
        *,
        relabel: bool = False,
        after: int = 0,
        rehearsal: bool = False,
    ) -> FileReport:
        """Add the accounts of a text in any known form; those that are there stay as they are.

        Args:
            name: For the report.
            content: The text.
            relabel: Let notes and tags of known accounts follow it.
            after: Entries of the same list that came in earlier texts.
            rehearsal: Write nothing.
        """
        take = self._tokens.preview_import if rehearsal else self._tokens.import_text
        taken = await take(content)
        counts = {"added": len(taken.added), "restored": len(taken.restored)}
        if relabel:
            labelled = await take(content, mode="label")
            counts["labelled"] = len(labelled.updated)
        return FileReport(
            name=name,
            counts={**counts, "unchanged": len(taken.unchanged), "rejected": len(taken.rejected)},
            remarks=_sentences([*taken.rejected, *taken.remarks], after=after),
        )

    async def take_keys(
        self, name: str, content: bytes, usage: bytes | None, *, rehearsal: bool = False
    ) -> FileReport:
        """Add the API keys of a list, and what they used today.

        Raises:
            UnreadableError: *content* holds no list of keys.
        """
        used: Mapping[str, Mapping[str, int]] = {}
        remarks: list[str] = []
        if usage is not None:
            try:
                used = old.read_usage(usage, self._today().date().isoformat())
            except old.UnreadableError as error:
                remarks.append(f"usage: {error}")
        keys = [
            OldKey(
                text=entry.text,
                name=entry.name,
                is_active=entry.is_active,
                created_at_ms=entry.created_at_ms,
                limits=entry.limits,
                used_today=used.get(entry.text, {}),
            )
            for entry in old.read_keys(content)
        ]
        adopted = await self._keys.adopt(keys, rehearsal=rehearsal)
        short = [f"Key {name!r} is short: it works on loopback only." for name in adopted.short]
        return FileReport(
            name=name,
            counts={
                "added": adopted.added,
                "known": adopted.known,
                "rejected": len(adopted.refused),
            },
            remarks=tuple([*remarks, *adopted.refused, *short][:MOST_REMARKS]),
        )

    async def take_statistics(
        self, name: str, content: bytes, *, rehearsal: bool = False
    ) -> FileReport:
        """Add numbers of requests to those that are there; the same file is not added twice.

        Raises:
            UnreadableError: *content* holds no statistics.
        """
        entries = old.read_statistics(content, offset_minutes=self._offset_minutes())
        counted: dict[Slot, Numbers] = {
            (entry.span, entry.begins_at_ms, ""): Numbers(
                total=entry.total, success=entry.success, failed=entry.failed
            )
            for entry in entries
        }
        # Noted with the numbers: whatever crashes, they are added once.
        fact = f"statistics {hashlib.sha256(content).hexdigest()}"
        async with self._database.read() if rehearsal else self._database.write() as connection:
            if await read_fact(connection, fact) is not None:
                return FileReport(name=name, remarks=("These numbers were added before.",))
            if not rehearsal:
                await add_numbers(connection, counted)
                await write_fact(connection, fact)
        return FileReport(name=name, counts={"added": len(entries)})

    async def take_nsfw_state(
        self, name: str, content: bytes, *, rehearsal: bool = False
    ) -> FileReport:
        """Take over how often accounts were used today; other days mean nothing any more.

        Only while no ledger is loaded, which would write its own numbers over these.

        Raises:
            UnreadableError: *content* holds no usage of accounts.
        """
        today = self._today()
        entries = {entry.digest: entry for entry in old.read_nsfw_state(content)}
        states = []
        for record in self._tokens.records.values():
            entry = entries.get(_digest(record.credential.reveal()))
            begun = record.state.kept.get(_NOTE, "").startswith(f"{today.toordinal()}:")
            if entry and entry.count and not begun and _is_of(entry.last_used_at_ms, today):
                note = f"{today.toordinal()}:{entry.count}"
                states.append(replace(record.state, kept={**record.state.kept, _NOTE: note}))
        if states and not rehearsal:
            await self._tokens.write_states(states)
        return FileReport(
            name=name, counts={"added": len(states), "old": len(entries) - len(states)}
        )

    def _today(self) -> datetime:
        """Return the time in the operator's zone."""
        offset = timedelta(minutes=self._offset_minutes())
        return self._clock.now().astimezone(timezone(offset))


def _is_of(at_ms: int | None, today: datetime) -> bool:
    if at_ms is None:
        return False
    return datetime.fromtimestamp(at_ms / 1000, tz=today.tzinfo).date() == today.date()


def _digest(credential: str) -> str:
    return hashlib.sha1(credential.encode(), usedforsecurity=False).hexdigest()[:_DIGEST_CHARS]


def _sentences(remarks: Sequence[Remark], *, after: int) -> tuple[str, ...]:
    told = [_sentence(remark, after) for remark in remarks[:MOST_REMARKS]]
    more = len(remarks) - MOST_REMARKS
    return (*told, f"and {more} more") if more > 0 else tuple(told)


def _sentence(remark: Remark, after: int) -> str:
    """Return place and reason; numbers count from the beginning of the whole list."""
    if not after:
        return f"{remark.position}: {remark.reason}" if remark.position else remark.reason
    position, reason = (
        _NUMBERED.sub(lambda found: f"[{int(found[1]) + after}]", text)
        for text in (remark.position, remark.reason)
    )
    return f"{position}: {reason}"
