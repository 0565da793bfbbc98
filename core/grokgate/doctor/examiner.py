"""Judges the upstreams and tries accounts, a few at a time."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, get_args

import anyio
from anyio import to_thread

from grokgate.catalog import Catalog
from grokgate.doctor.finding import Finding, Level
from grokgate.doctor.patients import Patients, choose
from grokgate.doctor.routes import look_at_routes
from grokgate.doctor.upstream import look_at_upstream
from grokgate.doctor.visit import Practice, Visit
from grokgate.settings.grok import GrokSettings
from grokgate.tokens.record import Status, TokenRecord
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
        address: Where the service listens; None: none runs.
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
        address: str | None,
        log: Any,
    ) -> None:
        self._upstreams = upstreams
        self._records = records
        self._catalog = catalog
        self._section = section
        self._settings = settings
        self._clock = clock
        self._spent = spent or _untold
        self._address = address
        self._log = log

    async def examine(self, wanted: Patients, report: Callable[[Finding], Awaitable[None]]) -> None:
        """Judge the upstreams, then try accounts; tells *report* of each finding as it comes.

        What belongs to one account is told without anything in between. What *report* raises ends
        the examination.

        Raises:
            ValueError: There is no such account or pool.
        """
        chosen, there = await self._choose(wanted)
        practice = self._practice()
        if self._address is not None:
            values = {"address": self._address}
            await report(Finding(area="program", code="service", values=values))
        for upstream in self._upstreams.specs:
            for finding in self._upstream(upstream, practice.described):
                await report(finding)
        if chosen:
            await report(by_status(there))
        await report(_chosen(chosen, there.total(), chat=wanted.chat))
        for start in range(0, len(chosen), AT_ONCE):
            for findings in await _visited(
                chosen[start : start + AT_ONCE], practice, chat=wanted.chat
            ):
                for finding in findings:
                    await report(finding)

    async def look(self, upstream: str) -> list[Finding]:
        """Judge one upstream, and try whether connections to where it connects come through."""
        described = self.describe(upstream)
        found = list(self._upstream(upstream, {upstream: described}))
        return [*found, *await look_at_routes(upstream, described)]

    async def try_one(self, upstream: str) -> list[Finding]:
        """Ask one account of *upstream* for its quota, the likeliest to answer."""
        chosen, there = await self._choose(Patients(), upstream=upstream)
        if not chosen:
            return [_chosen(chosen, there.total(), chat=False)]
        (findings,) = await _visited(chosen[:1], self._practice(), chat=False)
        return findings

    async def _choose(
        self, wanted: Patients, *, upstream: str | None = None
    ) -> tuple[list[TokenRecord], Counter[Status]]:
        """Return the accounts to be tried, and how many there are; sorts a copy in a thread.

        Raises:
            ValueError: There is no such account or pool.
        """
        return await to_thread.run_sync(_choice, dict(self._records), wanted, upstream)

    def _practice(self) -> Practice:
        grok = self._settings().grok
        return Practice(
            upstreams=self._upstreams,
            catalog=self._catalog,
            described={name: self.describe(name) for name in self._upstreams.specs},
            first_s=grok.stream_first_byte_timeout,
            idle_s=grok.stream_idle_timeout,
            monotonic=self._clock.monotonic,
            spent=self._spent,
            log=self._log,
        )

    def _upstream(
        self, upstream: str, described: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[Finding]:
        if self._upstreams.is_open(upstream):
            yield from look_at_upstream(upstream, described[upstream])
        else:
            code = "upstream_closed"
            yield Finding(area="upstream", subject=upstream, code=code, level="attention")

    def describe(self, upstream: str, section: Any = None) -> Mapping[str, Any]:
        """Return what *upstream* tells of its settings; nothing if it has no description.

        Args:
            upstream: Its id.
            section: Settings to be described in place of those in force.
        """
        describe = self._upstreams.specs[upstream].describe
        if describe is None:
            return {}
        try:
            return describe(section or self._section(upstream))
        except Exception:  # noqa: BLE001 - a fence: a plugin's code
            self._log.exception("upstream_not_described", upstream=upstream)
            return {}


def _choice(
    records: Mapping[str, TokenRecord], wanted: Patients, upstream: str | None
) -> tuple[list[TokenRecord], Counter[Status]]:
    of_it = {key: one for key, one in records.items() if upstream in {None, one.upstream}}
    there = Counter(one.state.status for one in records.values() if one.deleted_at_ms is None)
    return choose(of_it, wanted), there


def _chosen(chosen: Sequence[TokenRecord], there: int, *, chat: bool) -> Finding:
    if not there:
        return Finding(area="account", code="accounts_none", level="attention")
    if not chosen:
        return Finding(area="account", code="accounts_disabled", level="attention")
    values = {"count": str(len(chosen)), "of": str(there)}
    return Finding(area="account", code="accounts_chat" if chat else "accounts", values=values)


def by_status(there: Mapping[Status, int]) -> Finding:
    """Count the accounts; they need the operator once none of them can serve."""
    values = {status: str(there.get(status, 0)) for status in get_args(Status)}
    code: str
    level: Level
    if not there.get("active") and not there.get("cooling"):
        code, level = "accounts_unusable", "attention"
    else:
        code, level = "accounts_by_status", "note" if there.get("expired") else "ok"
    return Finding(area="account", code=code, level=level, values=values)


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
