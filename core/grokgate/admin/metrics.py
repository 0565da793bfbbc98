"""The data centre's numbers: accounts, cache, requests (F-LOG-04, F-ADM-28)."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from litestar import get
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from grokgate.admin.cache import Kept, local_cache
from grokgate.admin.context import CurrentGateway
from grokgate.gateway import Gateway
from grokgate.statistics.spans import DAY_MS, HOUR_MS, begin_of_day, begin_of_hour
from grokgate.storage.statistics import Numbers, read_numbers, top_models

_TOP: Final = 10
_EDGES_MS: Final = (250, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000)


class TokenNumbers(Struct, kw_only=True):
    """The accounts; quotas as `GET /tokens/list` adds them up."""

    total: int = 0
    active: int = 0
    cooling: int = 0
    expired: int = 0
    disabled: int = 0
    chat_quota: Annotated[
        int,
        Meta(description="Left for conversations, to accounts neither expired nor disabled."),
    ] = 0
    image_quota: Annotated[int, Meta(description="The same for pictures.")] = 0
    total_calls: int = 0


class CacheNumbers(Struct, frozen=True, kw_only=True):
    """Stored pictures and videos."""

    local_image: Kept
    local_video: Kept


class HourNumbers(Struct, frozen=True, kw_only=True):
    """Requests of one hour."""

    hour: Annotated[str, Meta(examples=["14:00"])]
    date: Annotated[str, Meta(description="In the operator's time zone.", examples=["11-22"])]
    begins_at: Annotated[int, Meta(description="Unix milliseconds.")]
    total: int
    success: int
    failed: int


class DayNumbers(Struct, frozen=True, kw_only=True):
    """Requests of one day."""

    date: Annotated[str, Meta(description="In the operator's time zone.", examples=["11-22"])]
    begins_at: Annotated[int, Meta(description="Unix milliseconds.")]
    total: int
    success: int
    failed: int


class ModelNumbers(Struct, frozen=True, kw_only=True):
    """Requests of one model."""

    model: Annotated[str, Meta(examples=["grok-4"])]
    count: int


class StatusNumbers(Struct, frozen=True, kw_only=True):
    """Requests that were answered with one status."""

    status: Annotated[int, Meta(description="499: the client left.", examples=[200])]
    count: int


class TimeNumbers(Struct, frozen=True, kw_only=True):
    """Requests that took so long."""

    from_ms: int
    to_ms: Annotated[int | None, Meta(description="No longer than that; null: any longer time.")]
    count: int


class Summary(Struct, frozen=True, kw_only=True):
    """All requests of the days asked for; the total has those besides that clients left."""

    total: int
    success: int
    failed: int
    success_rate: Annotated[
        float,
        Meta(
            description="Percent of those whose client waited for the end, one decimal; 0 without"
            " any.",
            examples=[99.3],
        ),
    ]


class RequestNumbers(Struct, frozen=True, kw_only=True):
    """Requests of clients with a good key; a stream that broke counts as failed."""

    hourly: Annotated[list[HourNumbers], Meta(description="Oldest first, without gaps.")]
    daily: Annotated[list[DayNumbers], Meta(description="Oldest first, without gaps.")]
    models: Annotated[list[ModelNumbers], Meta(description="Most often called first.")]
    statuses: Annotated[
        list[StatusNumbers], Meta(description="Of the present hour and the 23 before it.")
    ]
    durations: Annotated[
        list[TimeNumbers],
        Meta(description="Of the same time, requests that called a model and were answered."),
    ]
    summary: Summary


class MetricsReply(Struct, frozen=True, kw_only=True):
    """Everything the data centre shows."""

    tokens: TokenNumbers
    cache: CacheNumbers
    request_stats: RequestNumbers
    status: str = "success"


@get("/metrics", summary="Count accounts, stored media and requests")
async def read_metrics(
    gateway: CurrentGateway,
    hours: Annotated[int, QueryParameter(ge=1, le=48)] = 24,
    days: Annotated[int, QueryParameter(ge=1, le=30)] = 7,
) -> MetricsReply:
    """Return the numbers of the last *hours* and *days*, the present ones included."""
    cache = await local_cache(gateway)
    return MetricsReply(
        tokens=await _tokens(gateway),
        cache=CacheNumbers(local_image=cache.local_image, local_video=cache.local_video),
        request_stats=await _requests(gateway, hours, days),
    )


async def _tokens(gateway: Gateway) -> TokenNumbers:
    sums = (await gateway.prospects.add_up()).sums
    numbers = TokenNumbers(
        chat_quota=sums.quota,
        image_quota=sums.image_quota,
        total_calls=sums.use_count,
    )
    for (_pool, status), count in gateway.home.view().tokens.items():
        setattr(numbers, status, getattr(numbers, status) + count)
        numbers.total += count
    return numbers


async def _requests(gateway: Gateway, hours: int, days: int) -> RequestNumbers:
    offset = gateway.settings.snapshot.quota.tz_offset_minutes
    now_ms = int(gateway.clock.now().timestamp() * 1000)
    this_hour = begin_of_hour(now_ms, offset_minutes=offset)
    today = begin_of_day(now_ms, offset_minutes=offset)
    first_hour, first_day = this_hour - (hours - 1) * HOUR_MS, today - (days - 1) * DAY_MS
    await gateway.request_log.flush()
    day = (await gateway.request_log.recent.look()).day
    async with gateway.database.read() as connection:
        by_hour = await read_numbers(connection, "hour", since_ms=first_hour)
        by_day = await read_numbers(connection, "day", since_ms=first_day)
        models = await top_models(connection, "day", since_ms=first_day, most=_TOP)
    return RequestNumbers(
        hourly=[
            _hour(begins_at, by_hour.get(begins_at, Numbers()), offset)
            for begins_at in range(first_hour, this_hour + 1, HOUR_MS)
        ],
        daily=[
            _day(begins_at, by_day.get(begins_at, Numbers()), offset)
            for begins_at in range(first_day, today + 1, DAY_MS)
        ],
        models=[ModelNumbers(model=model, count=count) for model, count in models],
        statuses=[
            StatusNumbers(status=status, count=count) for status, count in day.statuses().items()
        ],
        durations=_durations(day.duration),
        summary=_summary(list(by_day.values())),
    )


def _hour(begins_at: int, numbers: Numbers, offset: int) -> HourNumbers:
    local = _local(begins_at, offset)
    return HourNumbers(
        hour=f"{local:%H:00}",
        date=f"{local:%m-%d}",
        begins_at=begins_at,
        total=numbers.total,
        success=numbers.success,
        failed=numbers.failed,
    )


def _day(begins_at: int, numbers: Numbers, offset: int) -> DayNumbers:
    return DayNumbers(
        date=f"{_local(begins_at, offset):%m-%d}",
        begins_at=begins_at,
        total=numbers.total,
        success=numbers.success,
        failed=numbers.failed,
    )


def _durations(times: Mapping[int, int]) -> list[TimeNumbers]:
    counted = Counter[int]()
    for ms, count in times.items():
        counted[bisect_left(_EDGES_MS, ms)] += count
    bins = zip((0, *_EDGES_MS), (*_EDGES_MS, None), strict=True)
    return [
        TimeNumbers(from_ms=from_ms, to_ms=to_ms, count=counted[place])
        for place, (from_ms, to_ms) in enumerate(bins)
    ]


def _summary(numbers: list[Numbers]) -> Summary:
    total = sum(one.total for one in numbers)
    success = sum(one.success for one in numbers)
    failed = sum(one.failed for one in numbers)
    waited = success + failed
    return Summary(
        total=total,
        success=success,
        failed=failed,
        success_rate=round(100 * success / waited, 1) if waited else 0.0,
    )


def _local(at_ms: int, offset_minutes: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC) + timedelta(minutes=offset_minutes)


HANDLERS: Final = (read_metrics,)
