"""The list of logins, and ending them (F-AUTH-03, F-ADM-37)."""

from typing import Annotated, Final

from litestar import get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct

from grokgate.admin.context import CurrentAct, CurrentGateway, CurrentOperator
from grokgate.errors import InvalidRequest, ObjectNotFound

_ID_CHARS: Final = 64


class SessionItem(Struct, frozen=True, kw_only=True):
    """One login."""

    id: Annotated[str, Meta(examples=["as_4be1f0c2"])]
    created_at: Annotated[int, Meta(description="Unix milliseconds.")]
    used_at: Annotated[int, Meta(description="Unix milliseconds of the last request.")]
    address: Annotated[str, Meta(examples=["192.0.2.7"])]
    agent: Annotated[str, Meta(description="What the browser called itself.")]
    current: Annotated[bool, Meta(description="This request's own.")]


class SessionList(Struct, frozen=True, kw_only=True):
    """All logins that hold, the last used first."""

    sessions: list[SessionItem]
    status: str = "success"


class Revoke(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which logins to end: one, or all but one's own."""

    id: str | None = None
    others: Annotated[bool, Meta(description="All but the session of this request.")] = False


class Revoked(Struct, frozen=True, kw_only=True):
    """They have ended."""

    ended: Annotated[int, Meta(description="How many.", examples=[1])]
    status: str = "success"


@get("/sessions", summary="List logins")
async def list_sessions(gateway: CurrentGateway, operator: CurrentOperator) -> SessionList:
    """List logins that hold."""
    items = [
        SessionItem(
            id=session.id,
            created_at=session.created_at_ms,
            used_at=session.used_at_ms,
            address=session.address,
            agent=session.agent,
            current=session.id == operator.session_id,
        )
        for session in gateway.access.sessions.listing()
    ]
    return SessionList(sessions=items)


@post("/sessions/revoke", status_code=200, summary="End logins")
async def revoke_sessions(
    gateway: CurrentGateway, operator: CurrentOperator, act: CurrentAct, data: JSONBody[Revoke]
) -> Revoked:
    """End one login, or all others."""
    sessions = gateway.access.sessions
    if data.others:
        act.target = "others"
        ended = sessions.drop_all(but=operator.session_id)
        await sessions.flush()
        return Revoked(ended=ended)
    if data.id is None:
        raise InvalidRequest.missing("id")
    act.target = data.id if len(data.id) <= _ID_CHARS else ""
    if not await sessions.end(data.id):
        raise ObjectNotFound("There is no such session.", code="not_found")
    return Revoked(ended=1)


HANDLERS: Final = (list_sessions, revoke_sessions)
