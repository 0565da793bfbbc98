"""Queries about the request log (F-LOG-02)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.batch import execute_many
from grokgate.storage.tables import requests

FAILED: Final = 400
"""The least status of a request that failed, `CLIENT_LEFT` apart."""
CLIENT_LEFT: Final = 499
"""Status of a reply that its client did not wait for: neither a failure nor a success."""
SERVER_FAULT: Final = 500
"""The least status of what is the gateway's fault."""
KNOWN: Final = or_(requests.c.key_id != "", requests.c.status >= SERVER_FAULT)
"""What counts as a request (F-LOG-03): not what came without a good key, whoever knocks."""


def is_failure(status: int, error: str | None) -> bool:
    """Tell whether a request counts as failed (F-LOG-03); *error* is its code."""
    return bool(error) or (status >= FAILED and status != CLIENT_LEFT)


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
        return is_failure(self.status, self.error)


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
    token: str | None = None
    """Short id of the last account tried."""
    known: bool | None = None
    """Whether it counts as a request, see `KNOWN`."""


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


_FAILED: Final = or_(
    requests.c.error.is_not(None),
    and_(requests.c.status >= FAILED, requests.c.status != CLIENT_LEFT),
)


def _conditions(wanted: RequestFilter) -> list[ColumnElement[bool]]:
    columns = requests.c
    conditions: list[ColumnElement[bool]] = []
    for column, value in (
        (columns.model, wanted.model),
        (columns.status, wanted.status),
        (columns.error, wanted.error),
        (columns.endpoint, wanted.endpoint),
        (columns.request_id, wanted.request_id),
        (columns.token, wanted.token),
    ):
        if value is not None:
            conditions.append(column == value)
    if wanted.since_ms is not None:
        conditions.append(columns.at_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        conditions.append(columns.at_ms < wanted.until_ms)
    if wanted.failed is not None:
        conditions.append(_FAILED if wanted.failed else ~_FAILED)
    if wanted.known is not None:
        conditions.append(KNOWN if wanted.known else ~KNOWN)
    if wanted.key is not None:
        conditions.append(or_(columns.key_id == wanted.key, columns.key_name == wanted.key))
    return conditions
