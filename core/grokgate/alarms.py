"""Notices what needs an operator, remembers it, and has it told by webhooks (S21).

What may change within a moment is looked at every few seconds. What the pool has left costs a walk
over all accounts: it is looked at once a minute if somebody is to be told, else less often.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Protocol

import anyio
from msgspec import Struct

from grokgate.drift import NOTICE_AFTER, Drift
from grokgate.errors import StoreUnavailable
from grokgate.jobs import JobEnd
from grokgate.prospects import ModelProspect, Prospects, WayProspect
from grokgate.scheduler.home import PoolView
from grokgate.settings.observing import WebhookEvent
from grokgate.statistics.capacity import Kind
from grokgate.upstream import Clock
from grokgate.webhooks import Webhooks

LOW: Final = 0.1
"""A pool is nearly empty with so much of its quota left, or less."""
SOON_S: Final = 1800.0
"""Or if it is expected to run dry within this time."""
KEPT: Final = 200
"""Incidents in memory."""
_EVERY_S: Final = 5.0
_POOL_EVERY_S: Final = 60.0
_UNTOLD_EVERY_S: Final = 300.0
_QUIET_S: Final = 3600.0
"""The same pool is told of again after this time at the earliest."""
_NAMED: Final = 20
"""Accounts named in one event."""


class Incident(Struct, kw_only=True):
    """Something that needed an operator, or still does."""

    kind: WebhookEvent
    subject: str
    """An upstream, a pool, an account, a field, or a job."""
    at_ms: int
    """Unix milliseconds of its beginning."""
    ended_at_ms: int | None = None
    """None: it goes on, or is of a kind that does not end."""
    detail: Mapping[str, Any] = {}


class Home(Protocol):
    """Where the counts of the pool are read."""

    def view(self) -> PoolView:
        """Return counts."""
        ...


class Alarms:
    """Watches one gateway; used from one event loop.

    Args:
        home: Knows of incidents of the pool.
        prospects: Knows what the pool has left.
        drift: Knows what drivers did not.
        webhooks: Tell of it.
        expired: Short ids of the accounts that had expired at the start; they are no news.
        clock: Time.
        log: A bound structlog logger.
    """

    def __init__(
        self,
        home: Home,
        prospects: Prospects,
        drift: Drift,
        webhooks: Webhooks,
        *,
        expired: AbstractSet[str] = frozenset(),
        clock: Clock,
        log: Any,
    ) -> None:
        self.webhooks = webhooks
        self._home = home
        self._prospects = prospects
        self._drift = drift
        self._clock = clock
        self._log = log
        self._incidents: deque[Incident] = deque(maxlen=KEPT)
        self._open: dict[str, Incident] = {}
        """Incidents of the pool that go on, by upstream."""
        self._low: dict[Kind, Incident] = {}
        self._quiet_until: dict[Kind, float] = {}
        self._drifted: set[tuple[str, str, str]] = set()
        self._expired: AbstractSet[str] = expired
        self._last_expired: Incident | None = None
        """Of accounts that have expired; it grows until a time, seconds, monotonic."""
        self._expired_until = 0.0
        self._pool_seen_at = clock.monotonic()

    def incidents(self) -> list[Incident]:
        """Return what happened since the start of the process, the last first."""
        return list(reversed(self._incidents))

    def job_ended(self, end: JobEnd) -> None:
        """Take note of a background job that failed."""
        if end.defect:
            name = f"{end.id.plugin}/{end.id.kind}"
            self.note("job_failed", name, {"request_id": end.tally.request_id})

    def note(self, kind: WebhookEvent, subject: str, detail: Mapping[str, Any]) -> Incident:
        """Remember something that happened, and tell of it; never waits.

        Args:
            kind: Also the name of the webhook's event.
            subject: Short, without any secret.
            detail: JSON types, without any secret.
        """
        incident = Incident(kind=kind, subject=subject, at_ms=self._now_ms(), detail=detail)
        self._incidents.append(incident)
        self.webhooks.tell(kind, {"subject": subject, **detail})
        return incident

    async def run(self) -> None:
        """Look around until cancelled."""
        while True:
            await self.look_around()
            await anyio.sleep(_EVERY_S)

    async def look_around(self) -> None:
        """Look at everything whose time has come; what cannot be read is looked at next time."""
        self.look()
        every_s = _POOL_EVERY_S if self.webhooks.wanted else _UNTOLD_EVERY_S
        if self._clock.monotonic() < self._pool_seen_at + every_s:
            return
        self._pool_seen_at = self._clock.monotonic()
        try:
            await self.look_at_pool()
        except StoreUnavailable:
            self._log.warning("pool_not_watched", error=StoreUnavailable.__name__)

    def look(self) -> None:
        """Look at what costs little."""
        active = self._home.view().incident
        for upstream in active - self._open.keys():
            self._open[upstream] = self.note("incident", upstream, {"state": "begun"})
        for upstream in self._open.keys() - active:
            self._open.pop(upstream).ended_at_ms = self._now_ms()
            self.webhooks.tell("incident", {"subject": upstream, "state": "ended"})
        for sighting in self._drift.sightings():
            name = sighting.upstream, sighting.operation, sighting.path
            if sighting.count >= NOTICE_AFTER and name not in self._drifted:
                self._drifted.add(name)
                detail = {"profile": sighting.profile, "operation": sighting.operation}
                self.note("drift", f"{sighting.upstream}: {sighting.path}", detail)

    async def look_at_pool(self) -> None:
        """Look at what all accounts have left.

        Raises:
            StoreUnavailable: The database cannot be read.
        """
        prospect = await self._prospects.look()
        if fresh := prospect.expired - self._expired:
            self._tell_expired(sorted(fresh))
        self._expired = prospect.expired
        by_kind: dict[Kind, list[ModelProspect]] = {}
        for model in prospect.models:
            by_kind.setdefault(model.first.kind, []).append(model)
        for kind, models in by_kind.items():
            self._judge(kind, models)

    def _tell_expired(self, fresh: Sequence[str]) -> None:
        """Tell of expired accounts; those of the same hour are one incident that grows."""
        told = {"accounts": list(fresh[:_NAMED]), "count": len(fresh)}
        now, last = self._clock.monotonic(), self._last_expired
        if last is None or now >= self._expired_until:
            self._expired_until = now + _QUIET_S
            self._last_expired = self.note("account_expired", _counted(told), told)
            return
        self.webhooks.tell("account_expired", {"subject": _counted(told), **told})
        accounts = [*last.detail["accounts"], *fresh][:_NAMED]
        last.detail = {"accounts": accounts, "count": last.detail["count"] + len(fresh)}
        last.subject = _counted(last.detail)

    def _judge(self, kind: Kind, models: Sequence[ModelProspect]) -> None:
        """Tell of a pool that has become nearly empty, once until it has recovered."""
        first = models[0].first
        if not is_low(first):
            if (ended := self._low.pop(kind, None)) is not None:
                ended.ended_at_ms = self._now_ms()
            return
        now = self._clock.monotonic()
        if kind in self._low or now < self._quiet_until.get(kind, now):
            return
        self._quiet_until[kind] = now + _QUIET_S
        detail = {
            "models": [model.model for model in models],
            "candidates": first.room.candidates,
            "accounts": first.room.accounts,
            "units": first.room.units,
            "total": first.room.total,
            "dry_in_s": first.forecast.dry_in_s,
            "next_reset_ms": first.room.next_reset_ms,
        }
        self._low[kind] = self.note("pool_low", _named(kind), detail)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def is_low(way: WayProspect) -> bool:
    """Tell whether the pool of a way is nearly empty; a pool without accounts is none."""
    room, dry_in_s = way.room, way.forecast.dry_in_s
    if not room.accounts:
        return False
    if not room.candidates:
        return True
    if room.unknown:
        return False
    return room.units <= LOW * room.total or (dry_in_s is not None and dry_in_s <= SOON_S)


def _counted(detail: Mapping[str, Any]) -> str:
    """Name the accounts of an event: the only one, else how many."""
    count: int = detail["count"]
    only: str = detail["accounts"][0]
    return only if count == 1 else f"{count} accounts"


def _named(kind: Kind) -> str:
    return f"{kind.upstream}/{'+'.join(kind.pools)}/{'+'.join(kind.buckets)}"
