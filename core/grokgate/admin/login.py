"""Logging in and out, the first password, and what a session is good for (F-AUTH, F-ADM-01)."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import JSONBody
from msgspec import Meta, Struct

from grokgate.access.access import CONFIRMED_S
from grokgate.access.playground import PLAYGROUND_S
from grokgate.access.sessions import LONGEST_S
from grokgate.access.tickets import TICKET_S
from grokgate.admin.context import CurrentAct, CurrentGateway, CurrentOperator
from grokgate.admin.guard import (
    OPEN,
    address_of,
    bearer,
    cookie_name,
    cookie_of,
    small_body,
)
from grokgate.errors import AuthenticationFailed
from grokgate.gateway import Gateway
from grokgate.http.auth import MISSING
from grokgate.storage.acting import Act

_CSRF: Final = "Repeat it in the header X-Grokgate-Csrf of changes that are sent with the cookie."
_WRONG: Final = "The password is wrong."
AnyRequest = Request[Any, Any, Any]


class Login(Struct, frozen=True, kw_only=True):
    """Who logs in; nothing of it where the password is in the ``Authorization`` header."""

    password: Annotated[str, Meta(description="The admin password.")] | None = None
    username: (
        Annotated[str, Meta(description="Checked only where it is sent.", examples=["admin"])]
        | None
    ) = None


class SetUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first password."""

    code: Annotated[str, Meta(description="What follows # in the set-up link.", max_length=200)]
    password: Annotated[
        str, Meta(description="At least 12 characters, unless the gateway is on loopback.")
    ]


class Reauth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password once more."""

    password: Annotated[str, Meta(description="The admin password.")]


class LoginReply(Struct, frozen=True, kw_only=True):
    """A session that has begun."""

    api_key: Annotated[
        str, Meta(description="Text of the session, under the name of the predecessors.")
    ]
    token: Annotated[str, Meta(description="The same: for Authorization: Bearer.")]
    expires_in: Annotated[int, Meta(description="Seconds without a request.", examples=[28800])]
    csrf: Annotated[str, Meta(description=_CSRF)]
    status: str = "success"


class Verified(Struct, frozen=True, kw_only=True):
    """The credential is good."""

    csrf: Annotated[
        str, Meta(description=f"{_CSRF} Empty without a cookie.", examples=["7bQ0o1v…"])
    ]
    status: str = "success"


class Done(Struct, frozen=True, kw_only=True):
    """It is done."""

    status: Annotated[str, Meta(examples=["success"])] = "success"


class Confirmed(Struct, frozen=True, kw_only=True):
    """Secrets are shown for a while."""

    expires_in: Annotated[int, Meta(description="Seconds.", examples=[300])]
    status: str = "success"


class Ticket(Struct, frozen=True, kw_only=True):
    """Opens one event stream or socket."""

    ticket: Annotated[str, Meta(description="For the query parameter ticket; works once.")]
    expires_in: Annotated[int, Meta(description="Seconds.", examples=[60])]
    status: str = "success"


class PlaygroundKey(Struct, frozen=True, kw_only=True):
    """A key for ``/v1``."""

    key: Annotated[str, Meta(description="Ends with the session.")]
    expires_in: Annotated[int, Meta(description="Seconds.", examples=[3600])]
    status: str = "success"


@post(
    "/login",
    status_code=200,
    opt={OPEN: True},
    guards=[small_body],
    summary="Log in",
    description="With the password in JSON, or in the Authorization header.",
)
async def login(
    gateway: CurrentGateway,
    request: AnyRequest,
    act: CurrentAct,
    data: JSONBody[Login | None] = None,
) -> Response[LoginReply]:
    """Open a session."""
    wanted = data or Login()
    password = wanted.password
    if password is None:
        password = bearer(request.scope)
    if password is None:
        raise AuthenticationFailed(MISSING)
    address = address_of(gateway, request.scope)
    await gateway.access.door.prove(password, address=address, username=wanted.username)
    return await _begin(gateway, request, act)


@post(
    "/setup",
    status_code=200,
    opt={OPEN: True},
    guards=[small_body],
    summary="Choose the first password",
)
async def set_up(
    gateway: CurrentGateway, request: AnyRequest, act: CurrentAct, data: JSONBody[SetUp]
) -> Response[LoginReply]:
    """Choose the password with the code of the set-up link, and open a session."""
    act.actor, act.address = "setup", address_of(gateway, request.scope)
    await gateway.access.set_up(data.code, data.password, address=act.address)
    return await _begin(gateway, request, act)


@post("/logout", status_code=200, summary="Log out")
async def logout(
    gateway: CurrentGateway, request: AnyRequest, operator: CurrentOperator
) -> Response[Done]:
    """End the session."""
    if operator.session_id is not None:
        await gateway.access.sessions.end(operator.session_id)
    name, secure = cookie_name(gateway, request.scope)
    return Response(Done(), cookies=[_cookie(name, "", secure=secure, max_age=0)])


@get("/verify", summary="Check a credential")
async def verify(
    gateway: CurrentGateway, request: AnyRequest, operator: CurrentOperator
) -> Verified:
    """Say that the credential is good."""
    text = cookie_of(gateway, request.scope) if operator.session_id is not None else None
    return Verified(csrf=gateway.access.csrf(text) if text is not None else "")


@post("/reauth", status_code=200, guards=[small_body], summary="Give the password again")
async def reauth(
    gateway: CurrentGateway, operator: CurrentOperator, data: JSONBody[Reauth]
) -> Confirmed:
    """Let this session see secrets for five minutes."""
    door = gateway.access.door
    await door.prove(data.password, address=operator.address, message=_WRONG)
    if operator.session_id is not None:
        await gateway.access.confirm(operator.session_id)
    return Confirmed(expires_in=int(CONFIRMED_S))


@post("/ticket", status_code=200, summary="Make a ticket for an event stream or a socket")
async def ticket(gateway: CurrentGateway, operator: CurrentOperator, act: CurrentAct) -> Ticket:
    """Make a ticket, for where no header can be sent."""
    act.action = ""  # pages ask for one at every stream
    text = gateway.access.tickets.issue(operator.session_id)
    return Ticket(ticket=text, expires_in=TICKET_S)


@post("/playground-key", status_code=200, summary="Make a key for the playground")
async def playground_key(gateway: CurrentGateway, operator: CurrentOperator) -> PlaygroundKey:
    """Make a key for ``/v1`` that ends with the session."""
    access, session_id = gateway.access, operator.session_id
    if session_id is None:
        opened, _ = await access.sessions.open(address=operator.address, agent="playground key")
        session_id = opened.id
    return PlaygroundKey(key=access.playground.issue(session_id), expires_in=PLAYGROUND_S)


async def _begin(gateway: Gateway, request: AnyRequest, act: Act) -> Response[LoginReply]:
    """Open a session for who has just proven the password."""
    access = gateway.access
    address = address_of(gateway, request.scope)
    agent = request.headers.get("user-agent", "")
    session, text = await access.sessions.open(address=address, agent=agent)
    act.actor, act.address = act.actor or session.id, address
    idle_s = min(gateway.settings.snapshot.app.session_hours * 3600, LONGEST_S)
    reply = LoginReply(api_key=text, token=text, expires_in=int(idle_s), csrf=access.csrf(text))
    name, secure = cookie_name(gateway, request.scope)
    return Response(reply, cookies=[_cookie(name, text, secure=secure)])


def _cookie(name: str, text: str, *, secure: bool, max_age: int | None = None) -> Cookie:
    return Cookie(
        name,
        value=text,
        path="/",
        httponly=True,
        secure=secure,
        samesite="strict",
        max_age=max_age,
    )


HANDLERS: Final = (login, set_up, logout, verify, reauth, ticket, playground_key)
