"""The table of accounts, and why a model finds one or none (F-ADM-07, F-ADM-18, F-UI-20 to 24)."""

from collections import Counter
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from litestar import Response, get
from litestar.params import FromQuery, QueryParameter

from grokgate.admin.context import CurrentGateway
from grokgate.admin.tokens_choice import ListedStatus, TokenFilter
from grokgate.admin.tokens_schema import TokenPage, Totals
from grokgate.admin.tokens_view import encoded, items_of
from grokgate.dispatch.explain import ModelView
from grokgate.errors import InvalidRequest
from grokgate.gateway import Gateway
from grokgate.storage.listing import COLUMNS, Column
from grokgate.tokens.search import Overview, find_page, look_over

Sort: TypeAlias = Annotated[
    str,
    QueryParameter(
        description="A column; with `-` before it the largest come first.",
        pattern=f"^-?({'|'.join(COLUMNS)})$",
    ),
]
_STATUSES: Final = get_args(Literal["active", "cooling", "expired", "disabled"])


@get("/tokens/list", summary="Show a page of the table of accounts")
async def list_tokens(
    gateway: CurrentGateway,
    *,
    page: Annotated[int, QueryParameter(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, QueryParameter(ge=20, le=2000)] = 50,
    pool: FromQuery[str | None] = None,
    status: FromQuery[ListedStatus | None] = None,
    tag: FromQuery[str | None] = None,
    q: Annotated[str | None, QueryParameter(max_length=200)] = None,
    sort: Sort = "-created_at",
) -> Response[TokenPage]:
    """Filter, sort and count in the database; the rows are shown as they are now."""
    shown = TokenFilter(pool=pool, status=status, tag=tag, q=q).shown(gateway.tokens)
    column: Any = sort.removeprefix("-")
    found = await find_page(
        gateway.database,
        shown,
        column=_column(column),
        descending=sort.startswith("-"),
        page=page,
        page_size=page_size,
    )
    items = await items_of(gateway, found.ids)
    reply = TokenPage(
        items=items,
        total=found.total,
        page=page,
        page_size=page_size,
        counts={"all": sum(found.statuses.values()), **_by_status(found.statuses)},
        totals=_totals(gateway, await look_over(gateway.database)),
    )
    return await encoded(reply, size=len(items))


@get("/tokens/explain", summary="Tell why a model finds an account, or none")
async def explain_model(
    gateway: CurrentGateway, *, model: FromQuery[str], key: FromQuery[str | None] = None
) -> ModelView:
    """List candidates in order, and why the other accounts are out (F-TOK-28)."""
    try:
        return await gateway.explainer().model(model, key=key)
    except ValueError as error:
        raise InvalidRequest(str(error), param="key") from None


HANDLERS: Final = (list_tokens, explain_model)


def _column(name: Any) -> Column:
    column: Column = name
    return column


def _by_status(counts: Any) -> dict[str, int]:
    return {status: counts.get(status, 0) for status in _STATUSES}


def _totals(gateway: Gateway, overview: Overview) -> Totals:
    statuses, pools = Counter[str](), Counter[str]()
    for (pool, status), count in overview.counts.items():
        statuses[status] += count
        pools[pool] += count
    sums, next_at = overview.sums, gateway.refresh.next_round_at
    return Totals(
        total=statuses.total(),
        statuses=_by_status(statuses),
        pools=pools,
        quota=sums.quota,
        image_quota=sums.image_quota,
        heavy_quota=sums.heavy_quota,
        use_count=sums.use_count,
        inflight=gateway.home.view().leases_open,
        next_refresh_at=None if next_at is None else int(next_at.timestamp() * 1000),
    )
