"""The audit trail: what operators did (F-LOG-07, F-ADM-37)."""

from typing import Annotated, Any, Final

from litestar import get
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from grokgate.admin.context import CurrentGateway
from grokgate.storage.audit import list_acts


class AuditLine(Struct, frozen=True, kw_only=True):
    """One thing that an operator did."""

    id: str
    at: Annotated[int, Meta(description="Unix milliseconds.")]
    actor: Annotated[
        str,
        Meta(
            description="Id of the session; or password, setup, command.", examples=["as_4be1f0c2"]
        ),
    ]
    address: Annotated[str, Meta(examples=["192.0.2.7"])]
    action: Annotated[str, Meta(examples=["tokens.delete"])]
    target: Annotated[str, Meta(description="Ids, or how many of what.", examples=["3 accounts"])]
    detail: dict[str, Any]


class AuditPage(Struct, frozen=True, kw_only=True):
    """Lines of the trail, newest first."""

    lines: list[AuditLine]
    next: Annotated[
        str | None, Meta(description="Value of before for the next page; null: this is the last.")
    ]
    status: str = "success"


@get("/audit", summary="Read the audit trail")
async def read_audit(
    gateway: CurrentGateway,
    *,
    limit: Annotated[int, QueryParameter(description="Lines of a page.", ge=1, le=200)] = 50,
    before: Annotated[
        str | None, QueryParameter(description="Id of the last line seen.", max_length=64)
    ] = None,
) -> AuditPage:
    """Read one page of the trail."""
    async with gateway.database.read() as connection:
        rows = await list_acts(connection, limit=limit + 1, before=before)
    lines = [
        AuditLine(
            id=row.id,
            at=row.at_ms,
            actor=row.actor,
            address=row.address,
            action=row.action,
            target=row.target,
            detail=dict(row.detail),
        )
        for row in rows[:limit]
    ]
    return AuditPage(lines=lines, next=lines[-1].id if len(rows) > limit else None)


HANDLERS: Final = (read_audit,)
