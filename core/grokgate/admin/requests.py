"""The request log: pages, CSV, and one request with its attempts (F-ADM-29, F-ADM-37)."""

import csv
import io
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from litestar import Response, get
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream
from msgspec import Meta, Struct, structs

from grokgate.admin.context import CurrentGateway
from grokgate.dispatch.explain import RequestView
from grokgate.errors import ObjectNotFound
from grokgate.storage import Database
from grokgate.storage.requests import RequestFilter, RequestRow, list_requests

Text: TypeAlias = Annotated[str | None, QueryParameter(min_length=1, max_length=200)]
Moment: TypeAlias = Annotated[
    int | None, QueryParameter(ge=0, le=1 << 53, description="Unix milliseconds.")
]
_PORTION: Final = 500
_PAGE: Final = 50
_COLUMNS: Final = (
    "time",
    "request_id",
    "ip",
    "endpoint",
    "model",
    "status",
    "error",
    "duration_ms",
    "first_byte_ms",
    "key_id",
    "key_name",
    "token",
    "attempts",
    "units",
    "input",
    "output",
    "reasoning",
    "estimated",
    "outputs",
    "stream",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings that a spreadsheet would take for a formula."""


class RequestLine(Struct, frozen=True, kw_only=True):
    """One request of a client, a turn over a socket, or a background job."""

    id: str
    request_id: Annotated[str, Meta(examples=["req_5f0c7a"])]
    time: Annotated[int, Meta(description="Of its end, Unix milliseconds.")]
    ip: Annotated[str, Meta(examples=["192.0.2.7"])]
    endpoint: Annotated[str, Meta(examples=["POST /v1/chat/completions"])]
    model: Annotated[str, Meta(examples=["grok-4"])]
    status: Annotated[int, Meta(description="499: the client left.", examples=[200])]
    error: Annotated[
        str | None, Meta(description="Code; also of a stream that broke after its head.")
    ]
    duration_ms: int
    first_byte_ms: int | None
    key_id: str
    key_name: str
    token: Annotated[str | None, Meta(description="Short id of the last account tried.")]
    attempts: int
    units: Annotated[int, Meta(description="Charged to accounts.")]
    usage: dict[str, Any]
    stream: bool


class RequestsPage(Struct, frozen=True, kw_only=True):
    """Some rows, newest first."""

    items: list[RequestLine]
    next: Annotated[
        str | None, Meta(description="Value of before for the next page; null: this is the last.")
    ]
    status: str = "success"


class RequestReply(Struct, frozen=True, kw_only=True):
    """What became of one request."""

    rows: Annotated[
        list[RequestLine],
        Meta(description="Of the request and of jobs it started; empty: pruned or never written."),
    ]
    story: Annotated[
        RequestView,
        Meta(description="Attempts and decisions, of failures and a sample of the others."),
    ]
    status: str = "success"


@get(
    "/requests",
    summary="Read the request log, also as CSV",
    responses={200: ResponseSpec(RequestsPage, description="One page, or all of it as CSV.")},
)
async def read_requests(
    gateway: CurrentGateway,
    *,
    since: Moment = None,
    until: Moment = None,
    model: Text = None,
    status: Annotated[int | None, QueryParameter(ge=100, le=599)] = None,
    failed: FromQuery[bool | None] = None,
    key: Text = None,
    error: Text = None,
    endpoint: Text = None,
    request_id: Text = None,
    token: Annotated[
        str | None,
        QueryParameter(
            description="Short id of an account: of its requests, see `token` of the rows.",
            min_length=1,
            max_length=64,
        ),
    ] = None,
    known: Annotated[
        bool | None,
        QueryParameter(
            description="True: what numbers count, which leave out requests without a good key."
        ),
    ] = None,
    limit: Annotated[
        int | None, QueryParameter(ge=1, le=500, description=f"Without it {_PAGE}, or a whole CSV.")
    ] = None,
    before: Annotated[str | None, QueryParameter(max_length=64)] = None,
    format: FromQuery[Literal["json", "csv"]] = "json",  # noqa: A002 - the name in the address
) -> Response[Any]:
    """Return one page; as CSV all rows that fit the filter, or the first of them."""
    wanted = RequestFilter(
        since_ms=since,
        until_ms=until,
        model=model,
        status=status,
        failed=failed,
        key=key,
        error=error,
        endpoint=endpoint,
        request_id=request_id,
        token=token,
        known=known,
    )
    await gateway.request_log.flush()
    if format == "csv":
        name = f"requests_{gateway.clock.now():%Y-%m-%d}.csv"
        return Stream(
            _csv(gateway.database, wanted, most=limit),
            media_type="text/csv",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )
    async with gateway.database.read() as connection:
        size = limit or _PAGE
        rows = await list_requests(connection, wanted, limit=size + 1, before=before)
    items = [_shown(row) for row in rows[:size]]
    return Response(RequestsPage(items=items, next=items[-1].id if len(rows) > size else None))


@get("/requests/{request_id:str}", summary="Tell what became of a request")
async def read_request(gateway: CurrentGateway, request_id: FromPath[str]) -> RequestReply:
    """Return its rows, attempts and decisions.

    Raises:
        ObjectNotFound: Nothing is known of it.
    """
    await gateway.request_log.flush()
    async with gateway.database.read() as connection:
        rows = await list_requests(connection, RequestFilter(request_id=request_id), limit=_PORTION)
    story = await gateway.explainer().request(request_id)
    if not (rows or story.calls or story.decisions):
        raise ObjectNotFound("Nothing is known of this request.", code="not_found")
    return RequestReply(rows=[_shown(row) for row in rows], story=story)


def _shown(row: RequestRow) -> RequestLine:
    fields = structs.asdict(row)
    return RequestLine(time=fields.pop("at_ms"), ip=fields.pop("address"), **fields)


async def portions(
    database: Database, wanted: RequestFilter, *, most: int | None = None
) -> AsyncGenerator[list[RequestRow], None]:
    """Yield rows, newest first; the database is held for none of the time their reader takes.

    Args:
        database: Where they lie.
        wanted: Which ones.
        most: How many; None: all.
    """
    before: str | None = None
    left = math.inf if most is None else most
    while left > 0:
        limit = int(min(_PORTION, left))
        async with database.read() as connection:
            rows = await list_requests(connection, wanted, limit=limit, before=before)
        if rows:
            yield rows
            before = rows[-1].id
        left = left - limit if len(rows) == limit else 0


async def _csv(
    database: Database, wanted: RequestFilter, *, most: int | None
) -> AsyncGenerator[str, None]:
    yield _lines([_COLUMNS])
    async with aclosing(portions(database, wanted, most=most)) as found:
        async for rows in found:
            yield _lines([_cells(row) for row in rows])


def _cells(row: RequestRow) -> list[Any]:
    at = datetime.fromtimestamp(row.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    fields = {**structs.asdict(row), **row.usage, "time": at, "ip": row.address}
    return [_harmless(fields.get(name)) for name in _COLUMNS]


def _harmless(value: Any) -> Any:
    """Keep a spreadsheet from running what somebody named their key."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _lines(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


HANDLERS: Final = (read_requests, read_request)
