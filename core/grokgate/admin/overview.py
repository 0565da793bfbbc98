"""What an operator looks at first: what the pool can serve, how requests fare (F-ADM-37)."""

from typing import Annotated, Final

from litestar import get
from msgspec import Meta, Struct

from grokgate.admin.context import CurrentGateway
from grokgate.alarms import Incident, is_low
from grokgate.forecast import Forecast
from grokgate.gateway import Gateway
from grokgate.prospects import ModelProspect
from grokgate.statistics.spans import DAY_MS, HOUR_MS
from grokgate.storage.requests import (
    Causes,
    Latency,
    Served,
    count_causes,
    count_models,
    measure_latency,
)

_CAUSES: Final = 10
_MODELS: Final = 20
_INCIDENTS: Final = 5


class ModelCapacity(Struct, frozen=True, kw_only=True):
    """What the pool can do for one model now."""

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
    """How requests fared; models and times are of requests that called a model."""

    models: list[Served]
    errors: Annotated[list[Causes], Meta(description="Most often first.")]
    duration: Latency
    first_byte: Latency


class Live(Struct, frozen=True, kw_only=True):
    """What goes on now."""

    inflight: int
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
    hour: Annotated[Period, Meta(description="The last 60 minutes.")]
    day: Annotated[Period, Meta(description="The last 24 hours.")]
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
    """Return the first page; looks at the pool are some seconds old in large pools."""
    await gateway.request_log.flush()
    prospect = await gateway.prospects.look()
    view = gateway.home.view()
    tokens: dict[str, dict[str, int]] = {}
    for (pool, status), count in view.tokens.items():
        tokens.setdefault(pool, {})[status] = count
    return Overview(
        at_ms=prospect.at_ms,
        live=Live(
            inflight=gateway.drain.inflight,
            sockets=gateway.drain.sockets,
            leases_open=view.leases_open,
            queue_depth=view.queue_depth,
            jobs=gateway.jobs.count,
            chores=await gateway.chores.count(),
            draining=gateway.drain.draining,
        ),
        tokens=tokens,
        models=[_capacity(model) for model in prospect.models],
        hour=await _period(gateway, HOUR_MS),
        day=await _period(gateway, DAY_MS),
        incidents=gateway.alarms.incidents()[:_INCIDENTS],
    )


@get("/incidents", summary="List what needed an operator")
async def list_incidents(gateway: CurrentGateway) -> IncidentsReply:
    """List incidents since the start of the process."""
    return IncidentsReply(incidents=gateway.alarms.incidents())


def _capacity(model: ModelProspect) -> ModelCapacity:
    room = model.room
    return ModelCapacity(
        model=model.model,
        capability=model.capability,
        accounts=room.accounts,
        candidates=room.candidates,
        unknown=room.unknown,
        units=room.units,
        total=room.total,
        next_reset_ms=room.next_reset_ms,
        low=is_low(model),
        shares=f"{model.upstream}/{'+'.join(model.pools)}/{'+'.join(model.buckets)}",
        forecast=model.forecast,
    )


async def _period(gateway: Gateway, length_ms: int) -> Period:
    since_ms = int(gateway.clock.now().timestamp() * 1000) - length_ms
    async with gateway.database.read() as connection:
        return Period(
            models=await count_models(connection, since_ms=since_ms, most=_MODELS),
            errors=await count_causes(connection, since_ms=since_ms, most=_CAUSES),
            duration=await measure_latency(connection, since_ms=since_ms, first_byte=False),
            first_byte=await measure_latency(connection, since_ms=since_ms, first_byte=True),
        )


HANDLERS: Final = (read_overview, list_incidents)
