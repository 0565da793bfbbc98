"""What an operator looks at first: what the pool can serve, how requests fare (F-ADM-37)."""

from typing import Annotated, Final

from litestar import get
from msgspec import Meta, Struct
from msgspec.structs import asdict

from grokgate.admin.context import CurrentGateway
from grokgate.alarms import Incident, is_low
from grokgate.forecast import Forecast
from grokgate.gateway import together
from grokgate.prospects import ModelProspect
from grokgate.statistics.recent import Asked, Causes, Counts, HourCounts, Latency, Served, latency

_CAUSES: Final = 10
_ENDPOINTS: Final = 20
_MODELS: Final = 20
_INCIDENTS: Final = 5


class ModelCapacity(Struct, frozen=True, kw_only=True):
    """What the pool can do for one model now, by the first way of serving it that has room."""

    model: Annotated[str, Meta(examples=["grok-4"])]
    capability: str
    accounts: Annotated[int, Meta(description="Usable ones: neither expired nor disabled.")]
    candidates: Annotated[int, Meta(description="Those that have quota left and do not cool down.")]
    unknown: Annotated[int, Meta(description="Candidates of unknown quota.")]
    units: Annotated[int, Meta(description="Left in the others.")]
    total: Annotated[int, Meta(description="What they have when their windows begin anew.")]
    next_reset_ms: Annotated[
        int | None,
        Meta(description="When the first account that waits returns, Unix milliseconds."),
    ]
    low: Annotated[bool, Meta(description="Nearly empty, or about to be.")]
    shares: Annotated[str, Meta(description="Models with the same text draw from the same quota.")]
    forecast: Forecast


class Period(Struct, frozen=True, kw_only=True):
    """How requests with a good key fared; models and times are of those that called a model."""

    total: int
    failed: int
    left: Annotated[int, Meta(description="Whose client did not wait for the end: no failures.")]
    success_rate: Annotated[
        float | None,
        Meta(description="Percent of those whose client waited, one decimal; null without any."),
    ]
    models: list[Served]
    endpoints: Annotated[list[Asked], Meta(description="Most often asked first.")]
    errors: Annotated[list[Causes], Meta(description="Most often first.")]
    duration: Latency
    first_byte: Latency


class Live(Struct, frozen=True, kw_only=True):
    """What goes on now."""

    inflight: Annotated[
        int, Meta(description="Requests of clients; neither operators' own nor jobs.")
    ]
    sockets: int
    leases_open: int
    queue_depth: int
    jobs: Annotated[int, Meta(description="Background jobs of plugins.")]
    chores: Annotated[int, Meta(description="Work on many accounts that an operator started.")]
    draining: bool


class Overview(Struct, frozen=True, kw_only=True):
    """The first page."""

    at_ms: Annotated[int, Meta(description="Of the look at the pool, Unix milliseconds.")]
    live: Live
    tokens: Annotated[dict[str, dict[str, int]], Meta(description="Accounts by pool and status.")]
    models: list[ModelCapacity]
    measured_at: Annotated[
        int, Meta(description="When requests were counted, Unix milliseconds: seconds ago.")
    ]
    hour: Annotated[Period, Meta(description="The last 60 minutes.")]
    day: Annotated[Period, Meta(description="The present hour and the 23 before it.")]
    hours: Annotated[
        list[HourCounts],
        Meta(description="Those hours, oldest first, with the times of answered requests."),
    ]
    incidents: Annotated[list[Incident], Meta(description="The last ones, newest first.")]
    status: str = "success"


class IncidentsReply(Struct, frozen=True, kw_only=True):
    """What needed an operator since the start of the process."""

    incidents: Annotated[
        list[Incident],
        Meta(
            description="Newest first.",
            examples=[
                [{"kind": "pool_low", "subject": "ssoBasic", "at_ms": 1795333582849, "detail": {}}]
            ],
        ),
    ]
    status: str = "success"


@get("/overview", summary="Tell what the pool can serve and how requests fare")
async def read_overview(gateway: CurrentGateway) -> Overview:
    """Return the first page; it may be some seconds old, the more so in large pools."""
    await gateway.request_log.flush()
    recent = await gateway.request_log.recent.look()
    prospect = await gateway.prospects.look()
    view = gateway.home.view()
    tokens: dict[str, dict[str, int]] = {}
    for (pool, status), count in view.tokens.items():
        tokens.setdefault(pool, {})[status] = count
    return Overview(
        at_ms=prospect.at_ms,
        live=Live(
            **asdict(await together.activity(gateway)),
            chores=await gateway.chores.count(),
            draining=gateway.drain.draining,
        ),
        tokens=tokens,
        models=[_capacity(model) for model in prospect.models],
        measured_at=recent.at_ms,
        hour=_period(recent.hour),
        day=_period(recent.day),
        hours=list(recent.hours),
        incidents=(await together.incidents(gateway))[:_INCIDENTS],
    )


@get("/incidents", summary="List what needed an operator")
async def list_incidents(gateway: CurrentGateway) -> IncidentsReply:
    """List incidents since the start of the process."""
    return IncidentsReply(incidents=await together.incidents(gateway))


def _capacity(model: ModelProspect) -> ModelCapacity:
    """Tell of the way that has room: who asks is served by it."""
    way = model.served
    kind, room = way.kind, way.room
    return ModelCapacity(
        model=model.model,
        capability=model.capability,
        accounts=room.accounts,
        candidates=room.candidates,
        unknown=room.unknown,
        units=room.units,
        total=room.total,
        next_reset_ms=room.next_reset_ms,
        low=is_low(way),
        shares=f"{kind.upstream}/{'+'.join(kind.pools)}/{'+'.join(kind.buckets)}",
        forecast=way.forecast,
    )


def _period(counts: Counts) -> Period:
    numbers = counts.numbers()
    waited = numbers.success + numbers.failed
    return Period(
        total=numbers.total,
        failed=numbers.failed,
        left=numbers.total - waited,
        success_rate=round(100 * numbers.success / waited, 1) if waited else None,
        models=counts.models(_MODELS),
        endpoints=counts.endpoints(_ENDPOINTS),
        errors=counts.causes(_CAUSES),
        duration=latency(counts.duration),
        first_byte=latency(counts.first_byte),
    )


HANDLERS: Final = (read_overview, list_incidents)
