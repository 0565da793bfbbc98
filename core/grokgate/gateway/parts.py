"""Builds the parts of a gateway that need many of its others; starts and stops nothing."""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypedDict

from grokgate.alarms import Alarms
from grokgate.bus import Leadership, Notes
from grokgate.catalog import Catalog
from grokgate.contexts import Context
from grokgate.dispatch import Dispatch
from grokgate.dispatch.explain import Explainer, RequestView
from grokgate.dispatch.journal import Journal
from grokgate.dispatch.preparing import Preparation
from grokgate.doctor import Examiner
from grokgate.drain import Drain
from grokgate.drift import Drift
from grokgate.fetch import GuardedFetch
from grokgate.gateway.workers import Workers
from grokgate.jobs import Jobs
from grokgate.keys import KeyRing, Meter
from grokgate.media import Files, MediaServices, Pictures, open_media
from grokgate.objects import ObjectStore
from grokgate.observers import Observers, count_call, tally_call
from grokgate.openai.tally import Tally
from grokgate.plugin.records import CallRecord
from grokgate.refresh import Refresh
from grokgate.run_options import RunOptions
from grokgate.scheduler.behind import Writer
from grokgate.scheduler.cost import CostTable
from grokgate.scheduler.shell import Shell
from grokgate.settings import Boot, SettingsStore, Snapshot
from grokgate.spool import Room
from grokgate.statistics import Ended
from grokgate.statistics.tracing import Tracing
from grokgate.stores import Stores
from grokgate.telemetry import Metrics
from grokgate.tokens import TokenRecord, TokenStore
from grokgate.upstream import Clock, UpstreamContext, UpstreamSpec
from grokgate.upstreams import Upstreams


class Parts(Protocol):
    """What is looked up in a gateway; from ``keys`` on it exists while it runs."""

    options: RunOptions
    boot: Boot
    clock: Clock
    rng: random.Random
    log: Any
    settings: SettingsStore
    specs: Mapping[str, UpstreamSpec]
    owners: Mapping[str, str]
    contexts: Mapping[str, Context]
    catalog: Catalog
    rules: CostTable
    metrics: Metrics
    drift: Drift
    drain: Drain
    jobs: Jobs
    room: Room
    observers: Observers
    keys: KeyRing
    objects: ObjectStore
    files: Files
    media: Pictures
    tokens: TokenStore
    home: Shell
    meter: Meter
    leadership: Leadership
    notes: Notes
    journal: Journal
    alarms: Alarms
    tracing: Tracing | None
    workers: Workers | None
    operators_served: Callable[[], int]

    def note_request(self, ended: Ended, tally: Tally, /) -> None:
        """Take what has ended into the request log."""
        ...

    def public_base(self) -> str:
        """Return the origin of links."""
        ...

    def operator_base(self) -> str:
        """Return where the operator's browser finds the gateway."""
        ...

    def on_loopback(self) -> bool:
        """Tell whether the gateway is reachable from this machine alone."""
        ...

    def is_active(self, key_id: str) -> bool:
        """Tell whether links of this key hold."""
        ...


def make_workers(gateway: Parts) -> Workers | None:
    """Make what knows the other workers of this start; None: there are none."""
    options = gateway.options
    if options.starts_file is None:
        return None
    return Workers(
        options.data_dir,
        options.starts_file,
        options.refusal_file,
        count=gateway.boot.server.workers,
        log=gateway.log,
    )


def make_media(gateway: Parts, stores: Stores) -> MediaServices:
    """Open what is stored as files."""
    services = open_media(
        stores.database,
        stores.vault,
        data_dir=gateway.options.data_dir,
        clock=gateway.clock,
        settings=settings_of(gateway),
        base=gateway.public_base,
        is_active=gateway.is_active,
        room=gateway.room,
        log=gateway.log,
    )
    gateway.metrics.watch_total("cache_evictions", lambda: services.cleaning.evicted)
    gateway.metrics.watch_labelled(
        "cache_bytes",
        ("kind",),
        lambda: {(kind,): usage.size for kind, usage in services.cleaning.taken.items()},
    )
    return services


class OfHome(TypedDict):
    """What every home of a ledger is made of."""

    specs: tuple[UpstreamSpec, ...]
    settings: Callable[[], Snapshot]
    clock: Clock
    rng: random.Random
    log: Any
    writer: Writer
    waited: Callable[[float], None]


def of_home(gateway: Parts) -> OfHome:
    """Return what the home of an empty ledger is made of."""
    return OfHome(
        specs=tuple(gateway.specs.values()),
        settings=settings_of(gateway),
        clock=gateway.clock,
        rng=gateway.rng,
        log=gateway.log,
        writer=gateway.tokens.write_states,
        waited=gateway.metrics.lease_waited,
    )


def make_journal(gateway: Parts, stores: Stores) -> Journal:
    """Make what keeps decisions."""
    return Journal(
        stores.database,
        gateway.home.decisions,
        clock=gateway.clock,
        delay_s=lambda: gateway.settings.snapshot.token.save_delay_ms / 1000,
        log=gateway.log,
    )


def make_explainer(
    gateway: Parts, elsewhere: Callable[[str], Awaitable[Sequence[RequestView]]]
) -> Explainer:
    """Make what tells about decisions; *elsewhere*: what other processes remember of a request."""
    return Explainer(
        home=gateway.home,
        journal=gateway.journal,
        catalog=gateway.catalog,
        keys=gateway.keys,
        records=lambda: gateway.tokens.records,
        specs=gateway.specs,
        rules=gateway.rules,
        settings=settings_of(gateway),
        elsewhere=elsewhere,
    )


def make_examiner(
    gateway: Parts,
    upstreams: Upstreams,
    *,
    spent: Callable[[str], None] | None = None,
    address: str | None = None,
) -> Examiner:
    """Make what tries accounts.

    Args:
        gateway: Whose.
        upstreams: Asked.
        spent: Told of those whose quota it used.
        address: Where the service listens; None: none runs.
    """
    return Examiner(
        upstreams=upstreams,
        records=gateway.tokens.records,
        catalog=gateway.catalog,
        section=lambda upstream: gateway.contexts[gateway.owners[upstream]].settings,
        settings=settings_of(gateway),
        clock=gateway.clock,
        spent=spent,
        address=address,
        log=gateway.log,
    )


def make_upstreams(gateway: Parts) -> Upstreams:
    """Make the drivers, closed."""
    owners = {upstream: gateway.contexts[gateway.owners[upstream]] for upstream in gateway.specs}
    contexts = {
        upstream: UpstreamContext(
            settings=partial(getattr, owner, "settings"), log=owner.log, clock=gateway.clock
        )
        for upstream, owner in owners.items()
    }
    return Upstreams(gateway.specs, contexts, gateway.tokens.records, plugins=gateway.owners)


def make_refresh(gateway: Parts, upstreams: Upstreams) -> Refresh:
    """Make what surveys accounts, told of edits and of calls that ask for it."""
    refresh = Refresh(
        home=gateway.home,
        upstreams=upstreams,
        records=gateway.tokens.records,
        edits=gateway.tokens,
        buckets=gateway.catalog.buckets,
        settings=settings_of(gateway),
        clock=gateway.clock,
        rng=gateway.rng,
        log=gateway.log,
        on_error=gateway.metrics.quota_sync_failed,
        drifted=partial(_drifted, gateway),
        leads=lambda: gateway.leadership.leads,
    )

    async def edited(records: Sequence[TokenRecord]) -> None:
        await gateway.home.edited(records)
        refresh.edited(records)

    async def followed(records: Sequence[TokenRecord]) -> None:
        refresh.followed(records)

    gateway.tokens.subscribe(edited)
    gateway.tokens.subscribe_followed(followed)
    gateway.home.subscribe(refresh.soon)
    return refresh


def make_dispatch(gateway: Parts, upstreams: Upstreams, refresh: Refresh) -> Dispatch:
    """Make what carries out calls."""
    dispatch = Dispatch(
        home=gateway.home,
        upstreams=upstreams,
        wires=gateway.catalog.wires,
        rules=gateway.rules,
        settings=settings_of(gateway),
        clock=gateway.clock,
        rng=gateway.rng,
        log=gateway.log,
        finished=partial(_call_finished, gateway),
        survey=refresh.on_demand,
        drifted=partial(_drifted, gateway),
        blamed=gateway.metrics.plugin_fault,
        aborted=gateway.metrics.upstream_aborted,
        day_begins=lambda: gateway.settings.snapshot.quota.tz_offset_minutes,
        meter=gateway.meter,
    )
    gateway.metrics.watch_total("retry_budget_exhausted", lambda: dispatch.budget.exhausted)
    return dispatch


def make_fetch(gateway: Parts) -> GuardedFetch:
    """Make the guarded way to addresses that clients give."""
    return GuardedFetch(
        lambda: gateway.settings.snapshot.limits,
        gateway.options.data_dir / "tmp",
        log=gateway.log,
        room=gateway.room,
    )


def make_preparation(gateway: Parts) -> Preparation:
    """Make what keeps candidates ready for the models on offer."""
    return Preparation(
        home=gateway.home,
        catalog=gateway.catalog,
        specs=gateway.specs,
        settings=settings_of(gateway),
    )


def settings_of(gateway: Parts) -> Callable[[], Snapshot]:
    """Return what reads the snapshot in force."""
    return lambda: gateway.settings.snapshot


def _drifted(gateway: Parts, upstream: str, operation: str, path: str) -> None:
    gateway.metrics.drift_seen(operation)
    chain = gateway.settings.snapshot.profiles[upstream].chain
    gateway.drift.seen(upstream, chain[0] if chain else "", operation, path)


def _call_finished(gateway: Parts, _plugin: str, record: CallRecord) -> None:
    tally_call(record)
    if gateway.tracing is not None:
        gateway.tracing.called(record)
    count_call(gateway.metrics, record, draining=gateway.drain.draining)
    gateway.journal.ended(record)
    gateway.observers(record)
