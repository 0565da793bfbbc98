"""Judges the upstreams and tries accounts, a few at a time."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import anyio

from grokgate.catalog import Catalog
from grokgate.doctor.finding import Finding
from grokgate.doctor.patients import Patients, choose
from grokgate.doctor.upstream import look_at_upstream
from grokgate.doctor.visit import Practice, Visit
from grokgate.settings.core import GrokSettings
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import Clock
from grokgate.upstreams import Upstreams

AT_ONCE = 5
"""Accounts tried side by side."""


class ExaminedSettings(Protocol):
    """What an examination reads of a settings snapshot."""

    @property
    def grok(self) -> GrokSettings:
        """Section ``grok``."""
        ...


class Examiner:
    """Tries accounts through their drivers.

    Args:
        upstreams: Asked.
        records: Tokens by id, always current.
        catalog: Knows buckets and models.
        section: Returns the settings of an upstream's plugin.
        settings: Returns the settings now.
        clock: Time.
        spent: Told of an account that a chat has cost something; None: no service runs, so nobody
            keeps count.
        log: A bound structlog logger.
    """

    def __init__(
        self,
        *,
        upstreams: Upstreams,
        records: Mapping[str, TokenRecord],
        catalog: Catalog,
        section: Callable[[str], Any],
        settings: Callable[[], ExaminedSettings],
        clock: Clock,
        spent: Callable[[str], None] | None,
        log: Any,
    ) -> None:
        self._upstreams = upstreams
        self._records = records
        self._catalog = catalog
        self._section = section
        self._settings = settings
        self._clock = clock
        self._spent = spent or _untold
        self._serving = spent is not None
        self._log = log

    async def examine(self, wanted: Patients, report: Callable[[Finding], Awaitable[None]]) -> None:
        """Judge the upstreams, then try accounts; tells *report* of each finding as it comes.

        What belongs to one account is told without anything in between. What *report* raises ends
        the examination.

        Raises:
            ValueError: There is no such account or pool.
        """
        chosen = choose(self._records, wanted)
        practice = self._practice()
        if self._serving:
            await report(Finding(area="program", code="service"))
        for upstream in self._upstreams.specs:
            for finding in self._upstream(upstream, practice.described):
                await report(finding)
        await report(self._chosen(chosen, chat=wanted.chat))
        for start in range(0, len(chosen), AT_ONCE):
            for findings in await _visited(
                chosen[start : start + AT_ONCE], practice, chat=wanted.chat
            ):
                for finding in findings:
                    await report(finding)

    def _practice(self) -> Practice:
        grok = self._settings().grok
        return Practice(
            upstreams=self._upstreams,
            catalog=self._catalog,
            described={name: self._describe(name) for name in self._upstreams.specs},
            first_s=grok.stream_first_byte_timeout,
            idle_s=grok.stream_idle_timeout,
            monotonic=self._clock.monotonic,
            spent=self._spent,
            log=self._log,
        )

    def _chosen(self, chosen: Sequence[TokenRecord], *, chat: bool) -> Finding:
        there = sum(one.deleted_at_ms is None for one in self._records.values())
        if not there:
            return Finding(area="account", code="accounts_none", level="attention")
        if not chosen:
            return Finding(area="account", code="accounts_disabled", level="attention")
        values = {"count": str(len(chosen)), "of": str(there)}
        return Finding(area="account", code="accounts_chat" if chat else "accounts", values=values)

    def _upstream(
        self, upstream: str, described: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[Finding]:
        if self._upstreams.is_open(upstream):
            yield from look_at_upstream(upstream, described[upstream])
        else:
            code = "upstream_closed"
            yield Finding(area="upstream", subject=upstream, code=code, level="attention")

    def _describe(self, upstream: str) -> Mapping[str, Any]:
        describe = self._upstreams.specs[upstream].describe
        if describe is None:
            return {}
        try:
            return describe(self._section(upstream))
        except Exception:  # noqa: BLE001 - a fence: a plugin's code
            self._log.exception("upstream_not_described", upstream=upstream)
            return {}


def _untold(_token: str) -> None:
    """Tell nobody."""


async def _visited(
    records: Sequence[TokenRecord], practice: Practice, *, chat: bool
) -> list[list[Finding]]:
    """Try *records* side by side; returns what was found of each, in their order."""
    found: dict[str, list[Finding]] = {}

    async def visit(record: TokenRecord) -> None:
        findings = Visit(record, practice).findings(chat=chat)
        found[record.id] = [finding async for finding in findings]

    async with anyio.create_task_group() as group:
        for record in records:
            group.start_soon(visit, record)
    return [found[record.id] for record in records]
