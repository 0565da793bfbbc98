"""All accounts at once, as the pages of earlier gateways read and wrote them (F-ADM-05, F-ADM-06).

What they read is masked; what they write back changes nothing that they did not mean to change.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from litestar import Request, get, post, route
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example, OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from grokgate.admin.context import CurrentAct, CurrentGateway, CurrentOperator
from grokgate.admin.reauth import require_password
from grokgate.admin.tokens_files_schema import Replaced
from grokgate.admin.tokens_view import in_thread, lines, settled_records
from grokgate.errors import InvalidRequest, NotSupported
from grokgate.http.body import JSON
from grokgate.tokens import ImportReport, TokenRecord
from grokgate.tokens.exporting import further_fields, joined_parts, public_fields
from grokgate.tokens.mask import MARK, masked

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
AnyRequest: TypeAlias = Request[Any, Any, Any]
_WRAPPED: Final = "/v1/admin/"
"""Base of the predecessor that has the pools one level deeper."""
_RECORD: Final = {"token": "…a1b2c3", "id": "tok_0123456789", "tags": ["nsfw"], "note": ""}
_GONE: Final = "Grok accounts are not registered here."
_ANY: Final[list[Method]] = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass
class PoolsOperation(Operation):
    """Documents a body that is an object of lists."""

    def __post_init__(self) -> None:
        """Describe the body."""
        entry = Schema(one_of=[Schema(type=OpenAPIType.STRING), Schema(type=OpenAPIType.OBJECT)])
        members = Schema(type=OpenAPIType.ARRAY, items=entry)
        schema = Schema(
            type=OpenAPIType.OBJECT,
            additional_properties=members,
            examples=[{"ssoBasic": [_RECORD]}],
        )
        self.request_body = RequestBody(
            required=True, content={JSON: OpenAPIMediaType(schema=schema)}
        )


_POOLS_SPEC: Final = ResponseSpec(
    data_container=dict[str, Any],
    description="Pool → records.",
    examples=[
        Example(
            value={
                "ssoBasic": [
                    {"token": "…f3a9c1", "id": "tok_4be1f0c2", "status": "active", "quota": 80}
                ]
            }
        )
    ],
)


@get("/tokens", summary="List all accounts by pool", media_type=JSON, responses={200: _POOLS_SPEC})
async def list_pools(
    request: AnyRequest,
    gateway: CurrentGateway,
    operator: CurrentOperator,
    act: CurrentAct,
    *,
    reveal: Annotated[bool, QueryParameter(description="In clear.")] = False,
) -> Stream:
    """List every record by pool, masked; in clear only to who has just given the password."""
    if reveal:
        await require_password(gateway, operator)
    records = list((await settled_records(gateway)).values())
    if reveal:
        act.action, act.target = "tokens.reveal", f"{len(records)} accounts"
    parts = _pools(records, reveal=reveal)
    if request.url.path.startswith(_WRAPPED):
        least = gateway.settings.snapshot.token.selection == "least_consumed"
        parts = _wrapped(parts, consumed_mode=least)
    return Stream(in_thread(parts), media_type=JSON)


@post(
    "/tokens",
    status_code=200,
    summary="Make pools what is sent",
    operation_class=PoolsOperation,
)
async def replace_pools(
    request: AnyRequest,
    gateway: CurrentGateway,
    act: CurrentAct,
    *,
    mode: Annotated[
        FromQuery[str], QueryParameter(description="`merge`: delete nothing.", pattern="^(merge)?$")
    ] = "",
    allow_empty: Annotated[
        bool, QueryParameter(description="A body without accounts means to delete them.")
    ] = False,
) -> Replaced:
    """Replace the set of accounts of each named pool; fields that are not sent stay.

    Accounts of these pools that are not sent are deleted, restorably, unless an entry was rejected.
    """
    body = await request.body()
    await gateway.home.flush()
    report = await gateway.tokens.replace_pools(
        body, merge=mode == "merge", allow_empty=allow_empty
    )
    if report is None:
        raise InvalidRequest(
            "There is no account in it. To delete all accounts of a pool add ?allow_empty=1.",
            code="empty_payload",
        )
    act.target = f"{sum(map(len, _outcomes(report)))} accounts"
    return _replaced(report)


@post("/tokens/nsfw/refresh", summary="Not supported", include_in_schema=False)
async def refresh_nsfw() -> None:
    """Refuse what a predecessor did unasked on every account."""
    raise NotSupported("The preference is switched with /tokens/nsfw/enable and /disable.")


@route("/tokens/auto-register", http_method=_ANY, summary="Not supported", include_in_schema=False)
async def register() -> None:
    """Refuse what a predecessor did."""
    raise NotSupported(_GONE)


@route(
    "/tokens/auto-register/{rest:path}",
    http_method=_ANY,
    summary="Not supported",
    include_in_schema=False,
)
async def register_further(rest: FromPath[str]) -> None:  # noqa: ARG001 - of any depth
    """Refuse what a predecessor did."""
    raise NotSupported(_GONE)


HANDLERS: Final = (list_pools, replace_pools, refresh_nsfw, register, register_further)


def shown_record(record: TokenRecord, *, reveal: bool) -> dict[str, Any]:
    """Return the fields of a record (F-TOK-02, F-TOK-03)."""
    fields = public_fields(record) | further_fields(record) | {"deleted_at": record.deleted_at_ms}
    if not reveal:
        fields["token"] = masked(record.credential)
        fields["proxy_url"] = MARK if record.proxy_url else None
    return fields


def _pools(records: Iterable[TokenRecord], *, reveal: bool) -> Iterator[str]:
    by_pool: dict[str, list[TokenRecord]] = {}
    for record in records:
        by_pool.setdefault(record.pool, []).append(record)
    yield "{"
    for number, (pool, members) in enumerate(by_pool.items()):
        yield f"{',' if number else ''}{msgspec.json.encode(pool).decode()}:["
        shown = (shown_record(record, reveal=reveal) for record in members)
        yield from joined_parts((msgspec.json.encode(one).decode() for one in shown), ",")
        yield "]"
    yield "}"


def _wrapped(parts: Iterator[str], *, consumed_mode: bool) -> Iterator[str]:
    yield '{"tokens":'
    yield from parts
    yield f',"consumed_mode_enabled":{str(consumed_mode).lower()}}}'


def _replaced(report: ImportReport) -> Replaced:
    deleted = len(report.removed)
    kept = "; nothing was deleted, since entries were rejected" if report.rejected else ""
    return Replaced(
        message=f"{len(report.added)} added, {deleted} deleted{kept}",
        added=len(report.added) + len(report.restored),
        updated=len(report.updated),
        deleted=deleted,
        rejected=lines(report.rejected),
        remarks=lines(report.remarks),
    )


def _outcomes(report: ImportReport) -> tuple[tuple[str, ...], ...]:
    return report.added, report.restored, report.updated, report.removed
