"""Builds what operators see and do: identity, chores, statistics, alarms; starts nothing."""

from functools import partial

from grokgate.access import Access, Listener
from grokgate.adoption import Adoption
from grokgate.alarms import Alarms
from grokgate.chores import Chores, make_kinds
from grokgate.chores.events import Failed
from grokgate.chores.events import Final as End
from grokgate.chores.visits import Visits
from grokgate.errors import InternalError
from grokgate.gateway.erasing import Erasing
from grokgate.gateway.parts import Parts, settings_of
from grokgate.jobs import JobEnd
from grokgate.plugin.records import Caller
from grokgate.prospects import Prospects
from grokgate.refresh import Refresh
from grokgate.registry import CORE
from grokgate.statistics import Ended, RequestLog
from grokgate.stores import Stores
from grokgate.upstreams import Upstreams
from grokgate.webhooks import Webhooks

_OK = 200


def make_access(gateway: Parts, stores: Stores) -> Access:
    """Make what knows the operator."""

    def is_key(text: str) -> bool:
        written = gateway.settings.snapshot.app.api_key
        return text in written or gateway.keys.find(text) is not None

    return Access(
        stores.database,
        stores.vault,
        gateway.clock,
        settings=gateway.settings,
        is_key=is_key,
        listener=Listener(loopback=gateway.on_loopback(), base=gateway.operator_base),
        notes=gateway.notes,
        log=gateway.log,
    )


def make_adoption(gateway: Parts, stores: Stores) -> Adoption:
    """Make what takes over the folder of a predecessor."""
    return Adoption(
        gateway.options.data_dir,
        stores.database,
        gateway.tokens,
        gateway.keys,
        settings=settings_of(gateway),
        clock=gateway.clock,
        log=gateway.log,
    )


def make_request_log(gateway: Parts, stores: Stores) -> RequestLog:
    """Make what writes the request log and its numbers."""
    request_log = RequestLog(
        stores.database,
        clock=gateway.clock,
        rules=lambda: gateway.settings.snapshot.log,
        offset_minutes=lambda: gateway.settings.snapshot.quota.tz_offset_minutes,
        delay_s=lambda: gateway.settings.snapshot.token.save_delay_ms / 1000,
        log=gateway.log,
    )
    gateway.metrics.watch_total("request_rows_lost", lambda: request_log.lost)
    return request_log


def make_prospects(gateway: Parts, stores: Stores) -> Prospects:
    """Make what tells how long the pool will last."""
    return Prospects(
        accounts=gateway.home,
        records=lambda: gateway.tokens.records,
        catalog=gateway.catalog,
        specs=gateway.specs,
        database=stores.database,
        clock=gateway.clock,
        offset_minutes=lambda: gateway.settings.snapshot.quota.tz_offset_minutes,
        fallback=lambda: gateway.settings.snapshot.grok.mode_fallback,
    )


def make_webhooks(gateway: Parts) -> Webhooks:
    """Make what tells other systems of events."""
    webhooks = Webhooks(
        lambda: gateway.settings.snapshot.webhooks,
        lambda: gateway.settings.snapshot.limits,
        clock=gateway.clock,
        rng=gateway.rng,
        log=gateway.log,
    )
    gateway.metrics.watch_totals(
        "webhooks",
        ("outcome",),
        lambda: {(outcome,): count for outcome, count in webhooks.outcomes.items()},
    )
    return webhooks


def make_alarms(gateway: Parts, prospects: Prospects, webhooks: Webhooks) -> Alarms:
    """Make what notices that an operator is needed."""
    return Alarms(
        gateway.home,
        prospects,
        gateway.drift,
        webhooks,
        expired={
            token
            for token, record in gateway.tokens.records.items()
            if record.state.status == "expired"
        },
        clock=gateway.clock,
        log=gateway.log,
    )


def make_visits(gateway: Parts, upstreams: Upstreams, refresh: Refresh) -> Visits:
    """Make what acts as one given account, for operators."""
    return Visits(
        upstreams=upstreams,
        records=gateway.tokens.records,
        refresh=refresh,
        edit=gateway.tokens.edit_many,
        settings=settings_of(gateway),
        clock=gateway.clock,
        log=gateway.log,
    )


def make_chores(gateway: Parts, stores: Stores, visits: Visits) -> Chores:
    """Make what carries out operators' work on many accounts."""
    chores = Chores(
        database=stores.database,
        jobs=gateway.jobs,
        drain=gateway.drain,
        kinds=make_kinds(
            visits,
            delete=gateway.tokens.delete,
            edit=gateway.tokens.edit_many,
            is_there=lambda token: token in gateway.tokens.records,
        ),
        performance=lambda: gateway.settings.snapshot.performance,
        clock=gateway.clock,
        log=gateway.log,
    )
    chores.subscribe(partial(_chore_ended, gateway))
    return chores


def make_erasing(gateway: Parts) -> Erasing:
    """Make what removes what belonged to removed keys."""
    return Erasing(
        gateway.keys, gateway.jobs, gateway.objects, gateway.files, gateway.media, log=gateway.log
    )


def job_ended(gateway: Parts, end: JobEnd) -> None:
    """Take a background job into the request log, as its key's; operators' work is none."""
    if end.id.plugin == CORE:
        return
    owner = end.id.owner
    name = next((key.name for key in gateway.keys.listing() if key.id == owner), "")
    ended = Ended(
        endpoint=f"JOB {end.id.plugin}/{end.id.kind}",
        status=InternalError.status if end.defect else _OK,
        seconds=end.seconds,
        error=end.error,
        caller=Caller(key_id=owner, name=name),
    )
    gateway.note_request(ended, end.tally)
    gateway.alarms.job_ended(end)


def _chore_ended(gateway: Parts, kind: str, end: End) -> None:
    """Raise the alarm for operators' work that ended before its time."""
    if isinstance(end, Failed) and not gateway.drain.draining:
        gateway.alarms.note("job_failed", kind, {"task_id": end.task_id})
