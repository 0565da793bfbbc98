"""The table of accounts, and why a model finds one or none (F-ADM-07, F-ADM-18, F-UI-20 to 24)."""

from collections import Counter
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from litestar import Response, get
from litestar.params import FromQuery, QueryParameter
from msgspec.structs import replace

from grokgate.admin.context import CurrentAct, CurrentGateway, CurrentOperator
from grokgate.admin.reauth import require_password
from grokgate.admin.revision import tag
from grokgate.admin.tokens_choice import ListedStatus, TokenFilter
from grokgate.admin.tokens_schema import OneToken, TokenPage, TokenSecrets, Totals
from grokgate.admin.tokens_view import encoded, item_of, items_of
from grokgate.dispatch.explain import ModelView
from grokgate.errors import InvalidRequest, ObjectNotFound
from grokgate.gateway import Gateway
from grokgate.storage.listing import COLUMNS, Column
from grokgate.tokens import TokenRecord
from grokgate.tokens.exporting import further_fields, public_fields
from grokgate.tokens.search import Overview, find_page

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
        totals=_totals(gateway, await gateway.prospects.add_up()),
    )
    return await encoded(reply, size=len(items))


@get("/tokens/item", summary="Show an account, in clear if asked")
async def show_token(
    gateway: CurrentGateway,
    operator: CurrentOperator,
    act: CurrentAct,
    token: Annotated[
        str,
        QueryParameter(description="Its id; never a credential.", max_length=64),
    ],
    *,
    reveal: Annotated[bool, QueryParameter(description="With its secrets.")] = False,
) -> Response[OneToken]:
    """Return one account, deleted ones too; secrets only to who has just given the password."""
    record = gateway.tokens.records.get(token) or gateway.tokens.deleted.get(token)
    if record is None:
        raise ObjectNotFound("There is no such account.", code="not_found")
    reply = OneToken(item=item_of(gateway, record))
    if reveal:
        await require_password(gateway, operator)
        act.action, act.target = "tokens.reveal", record.id
        reply = replace(reply, secret=_secrets(record))
    return Response(reply, headers=tag(record.revision))


@get("/tokens/explain", summary="Tell why a model finds an account, or none")
async def explain_model(
    gateway: CurrentGateway, *, model: FromQuery[str], key: FromQuery[str | None] = None
) -> ModelView:
    """List candidates in order, and why the other accounts are out (F-TOK-28)."""
    try:
        return await gateway.explainer().model(model, key=key)
    except ValueError as error:
        raise InvalidRequest(str(error), param="key") from None


HANDLERS: Final = (list_tokens, show_token, explain_model)


def _column(name: Any) -> Column:
    column: Column = name
    return column


def _secrets(record: TokenRecord) -> TokenSecrets:
    fields = public_fields(record) | further_fields(record)
    return TokenSecrets(token=fields["token"], proxy_url=fields["proxy_url"])


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
