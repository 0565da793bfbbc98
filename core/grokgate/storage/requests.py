"""Queries about the request log (F-LOG-02)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, and_, case, delete, func, insert, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.batch import execute_many
from grokgate.storage.tables import requests

FAILED: Final = 400
"""The least status of a request that failed."""
_PERCENTS: Final = (50, 90, 99)


class RequestRow(Struct, frozen=True, kw_only=True):
    """One downstream request, turn of a socket, or background job; never its contents."""

    id: str
    """Grows with time."""
    request_id: str
    at_ms: int
    """Unix milliseconds of its end."""
    address: str
    endpoint: str
    """Method and path template, such as ``POST /v1/chat/completions``."""
    model: str
    """Empty: none was called."""
    status: int
    """499: the client left."""
    error: str | None
    """Code, also of a stream that broke after its head."""
    duration_ms: int
    first_byte_ms: int | None
    key_id: str
    key_name: str
    token: str | None
    """Short id of the last account tried."""
    attempts: int
    units: int
    """Charged to accounts."""
    usage: Mapping[str, Any]
    """Text units ``input``, ``output``, ``reasoning``, ``estimated``, and ``outputs``, pictures."""
    stream: bool

    @property
    def failed(self) -> bool:
        """Whether it counts as failed (F-LOG-03)."""
        return self.status >= FAILED or self.error is not None


class RequestFilter(Struct, frozen=True, kw_only=True):
    """Which rows are wanted; None: any."""

    since_ms: int | None = None
    until_ms: int | None = None
    model: str | None = None
    status: int | None = None
    failed: bool | None = None
    key: str | None = None
    """Id or name."""
    error: str | None = None
    endpoint: str | None = None
    request_id: str | None = None


class Causes(Struct, frozen=True, kw_only=True):
    """How often requests failed for one reason."""

    error: str
    """Code; empty where the status alone is known."""
    status: int
    count: int


class Served(Struct, frozen=True, kw_only=True):
    """How many requests one model had."""

    model: str
    total: int
    failed: int


class Latency(Struct, frozen=True, kw_only=True):
    """Milliseconds that 50, 90 and 99 of 100 requests took at most; None: there was none."""

    count: int = 0
    p50_ms: int | None = None
    p90_ms: int | None = None
    p99_ms: int | None = None


async def write_requests(connection: AsyncConnection, rows: Sequence[RequestRow]) -> None:
    """Add *rows*."""
    values = [
        {**msgspec.structs.asdict(row), "usage": msgspec.json.encode(row.usage)} for row in rows
    ]
    await execute_many(connection, insert(requests), values)


async def list_requests(
    connection: AsyncConnection, wanted: RequestFilter, *, limit: int, before: str | None = None
) -> list[RequestRow]:
    """Return rows, newest first; *before* is the id of the last row of the page before."""
    query = select(requests).where(*_conditions(wanted)).order_by(requests.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(requests.c.id < before)
    rows = (await connection.execute(query)).mappings()
    return [RequestRow(**{**row, "usage": msgspec.json.decode(row["usage"])}) for row in rows]


async def prune_requests(
    connection: AsyncConnection, *, before_ms: int, most: int, at_once: int
) -> int:
    """Remove what is older than *before_ms*, and all but the youngest *most*; return how many.

    No more than *at_once* go, the oldest ones first: other writers wait meanwhile.
    """
    count = (await connection.execute(select(func.count()).select_from(requests))).scalar_one()
    old = select(func.count()).select_from(requests).where(requests.c.at_ms < before_ms)
    surplus = max((await connection.execute(old)).scalar_one(), count - most)
    if surplus > 0:
        oldest = select(requests.c.id).order_by(requests.c.id).limit(min(surplus, at_once))
        await connection.execute(delete(requests).where(requests.c.id.in_(oldest)))
    return min(max(surplus, 0), at_once)


async def count_causes(connection: AsyncConnection, *, since_ms: int, most: int) -> list[Causes]:
    """Count failures by code and status, most often first."""
    error = func.coalesce(requests.c.error, "")
    count = func.count()
    rows = await connection.execute(
        select(error, requests.c.status, count)
        .where(requests.c.at_ms >= since_ms, _FAILED)
        .group_by(error, requests.c.status)
        .order_by(count.desc(), error)
        .limit(most)
    )
    return [Causes(error=code, status=status, count=number) for code, status, number in rows]


async def count_models(connection: AsyncConnection, *, since_ms: int, most: int) -> list[Served]:
    """Count requests that called a model, by model, most often first."""
    count, failed = func.count(), func.sum(case((_FAILED, 1), else_=0))
    rows = await connection.execute(
        select(requests.c.model, count, failed)
        .where(requests.c.at_ms >= since_ms, requests.c.model != "")
        .group_by(requests.c.model)
        .order_by(count.desc(), requests.c.model)
        .limit(most)
    )
    return [Served(model=model, total=total, failed=bad) for model, total, bad in rows]


async def measure_latency(
    connection: AsyncConnection, *, since_ms: int, first_byte: bool
) -> Latency:
    """Return how long requests took that called a model and were answered."""
    column = requests.c.first_byte_ms if first_byte else requests.c.duration_ms
    ranked = (
        select(
            column.label("ms"),
            func.row_number().over(order_by=column).label("place"),
            func.count().over().label("total"),
        )
        .where(
            requests.c.at_ms >= since_ms,
            requests.c.model != "",
            column.is_not(None),
            and_(requests.c.status < FAILED, requests.c.error.is_(None)),
        )
        .subquery()
    )
    # The place of a percentile by nearest rank: the percentage of the number, rounded up.
    places = [(ranked.c.total * literal(percent) + 99) / literal(100) for percent in _PERCENTS]
    wanted = or_(*(ranked.c.place == func.floor(place) for place in places))
    rows = (
        await connection.execute(select(ranked.c.place, ranked.c.ms, ranked.c.total).where(wanted))
    ).all()
    if not rows:
        return Latency()
    total = rows[0].total
    found = {row.place: row.ms for row in rows}
    p50, p90, p99 = (found.get((total * percent + 99) // 100) for percent in _PERCENTS)
    return Latency(count=total, p50_ms=p50, p90_ms=p90, p99_ms=p99)


_FAILED: Final = or_(requests.c.status >= FAILED, requests.c.error.is_not(None))


def _conditions(wanted: RequestFilter) -> list[ColumnElement[bool]]:
    columns = requests.c
    conditions: list[ColumnElement[bool]] = []
    for column, value in (
        (columns.model, wanted.model),
        (columns.status, wanted.status),
        (columns.error, wanted.error),
        (columns.endpoint, wanted.endpoint),
        (columns.request_id, wanted.request_id),
    ):
        if value is not None:
            conditions.append(column == value)
    if wanted.since_ms is not None:
        conditions.append(columns.at_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        conditions.append(columns.at_ms < wanted.until_ms)
    if wanted.failed is not None:
        conditions.append(_FAILED if wanted.failed else ~_FAILED)
    if wanted.key is not None:
        conditions.append(or_(columns.key_id == wanted.key, columns.key_name == wanted.key))
    return conditions
