"""Who may use the admin API: nobody, unless proven (S2, F-AUTH).

A session or the password in ``Authorization``, a ticket in the query of a stream, or the session's
cookie. What comes with the cookie alone could have been sent by a foreign page, so changes have to
prove that they were not (F-AUTH-06). Keys of clients open nothing here.
"""

import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qs

from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler

from grokgate.admin.context import Operator
from grokgate.errors import (
    AuthenticationFailed,
    BodyTooLarge,
    CsrfFailed,
    SetupRequired,
    UnsupportedMediaType,
)
from grokgate.gateway import Gateway
from grokgate.http.auth import MISSING, AsyncGuard, Connection, credential
from grokgate.http.body import JSON, MULTIPART
from grokgate.http.origin import client_address, is_same_origin, is_secure, origin_of
from grokgate.storage.acting import current_act

LoginState: TypeAlias = Literal["in", "out", "setup", "unknown"]

OPEN: Final = "open_to_all"
"""Key of a handler's ``opt``: true lets everybody in, for logging in."""
TICKETS: Final = "takes_tickets"
"""Key of a handler's ``opt``: true for event streams, which a ticket opens; sockets always do."""
CSRF_HEADER: Final = b"x-grokgate-csrf"
LOGIN_BYTES: Final = 16 << 10
"""Most that who is not known yet may send."""

_UNPROVEN: Final = (
    "This request does not say which page sent it: with the session's cookie, changes need the "
    "header Origin with the gateway's own address."
)
_FOREIGN: Final = "This request comes from a page of another origin."
_UNREPEATED: Final = (
    "The header X-Grokgate-Csrf is missing or wrong: repeat there what the login, or GET /verify, "
    "returned as csrf."
)
_COOKIE: Final = "grokgate_session"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_WITH_COOKIES: Final = frozenset({b"same-origin", b"same-site", b"none"})
"""Origins, by ``Sec-Fetch-Site``, of requests that have the cookie if there is one."""


def require_operator(gateway: Callable[[], Gateway]) -> AsyncGuard:
    """Make the guard that puts the operator into the request's state."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        scope = connection.scope
        if handler.opt.get(OPEN):
            _refuse_foreign_page(gateway(), scope)
            return
        socket, state = scope["type"] == ScopeType.WEBSOCKET, scope["state"]
        if socket and "operator" in state:  # asked again, when a ticket has been taken long ago
            _require_still(gateway(), state["operator"])
            return
        tickets = socket or handler.opt.get(TICKETS, False)
        state["operator"] = operator = await identify_operator(gateway(), scope, tickets=tickets)
        act = current_act()
        if act is not None:
            act.actor, act.address = operator.session_id or "password", operator.address

    return guard


async def identify_operator(
    gateway: Gateway, scope: Mapping[str, Any], *, tickets: bool = False
) -> Operator:
    """Return the operator who sent a request.

    Args:
        gateway: Whose operator.
        scope: Of the request.
        tickets: Whether a ticket in the query counts.

    Raises:
        AuthenticationFailed: Nothing proves one.
        SetupRequired: The same, and there is no password yet.
        TooManyAttempts: A password that was not looked at.
        CsrfFailed: The cookie, in a request that a foreign page could have sent.
        UnsupportedMediaType: The same, by its content type.
    """
    access, address = gateway.access, address_of(gateway, scope)
    text = bearer(scope)
    if text is not None:
        session = access.sessions.find(text)
        if session is not None:
            return Operator(session_id=session.id, address=address, epoch=access.epoch)
        await access.door.prove(text, address=address)
        return Operator(session_id=None, address=address, epoch=access.epoch, gave_password=True)
    if tickets and (ticket := _ticket(scope)) is not None:
        good, session_id = await access.tickets.redeem(ticket)
        if not good or not access.holds(session_id, epoch=access.epoch):
            raise AuthenticationFailed
        return Operator(session_id=session_id, address=address, epoch=access.epoch)
    text = cookie_of(gateway, scope)
    session = access.sessions.find(text) if text is not None else None
    if session is None:
        if not access.has_password:
            raise SetupRequired
        raise AuthenticationFailed(MISSING if text is None else None)
    assert text is not None
    _refuse_forged(gateway, scope, csrf=access.csrf(text))
    return Operator(session_id=session.id, address=address, epoch=access.epoch)


def login_state(gateway: Gateway, scope: Mapping[str, Any]) -> LoginState:
    """Tell whether a browser is logged in by its cookie; ``setup``: there is no password yet.

    ``unknown``: the request may lack the cookie although the browser has it, as it does after a
    click on another site's page (``SameSite=Strict``). The page's own requests have it.
    """
    text = cookie_of(gateway, scope)
    if text is not None and gateway.access.sessions.find(text) is not None:
        return "in"
    if not gateway.access.has_password:
        return "setup"
    sent_from = dict(scope["headers"]).get(b"sec-fetch-site")
    return "out" if text is not None or sent_from in _WITH_COOKIES else "unknown"


def bearer(scope: Mapping[str, Any]) -> str | None:
    """Read ``Authorization``; None: there is none. Keys of clients have a header besides.

    Raises:
        AuthenticationFailed: It is sent twice, of another scheme, not ASCII, or overlong.
    """
    return credential([each for each in scope["headers"] if each[0] == b"authorization"])


async def small_body(connection: Connection, _: BaseRouteHandler) -> None:
    """Let nobody who is not known yet send much: a guard of open handlers."""
    if int(connection.headers.get("content-length", "0")) > LOGIN_BYTES:
        raise BodyTooLarge
    connection.scope["state"]["body_limit"] = LOGIN_BYTES


def address_of(gateway: Gateway, scope: Mapping[str, Any]) -> str:
    """Return where a request came from."""
    return client_address(scope, gateway.settings.snapshot.server.trusted_proxies)


def cookie_name(gateway: Gateway, scope: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the name of the session's cookie, and whether it is for TLS alone."""
    secure = is_secure(scope, gateway.settings.snapshot.server.trusted_proxies)
    return (f"__Host-{_COOKIE}" if secure else _COOKIE), secure


def cookie_of(gateway: Gateway, scope: Mapping[str, Any]) -> str | None:
    """Return the session in the cookie; None: there is none, or more than one."""
    name, _ = cookie_name(gateway, scope)
    pairs = [
        pair.strip().partition("=")
        for header, value in scope["headers"]
        if header == b"cookie"
        for pair in value.decode("latin-1").split(";")
    ]
    found = {value for key, _, value in pairs if key == name}
    return found.pop() if len(found) == 1 else None


def _require_still(gateway: Gateway, operator: Operator) -> None:
    """Let pass whose session goes on; that it is looked at is no use of it, so it ends idle."""
    if not gateway.access.holds(operator.session_id, epoch=operator.epoch):
        raise AuthenticationFailed


def _ticket(scope: Mapping[str, Any]) -> str | None:
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=50)
    found = query.get("ticket", ())
    return found[0] if len(found) == 1 else None


def _refuse_foreign_page(gateway: Gateway, scope: Mapping[str, Any]) -> None:
    """Keep other pages from trying passwords in the name of who looks at them."""
    origin, app = origin_of(scope), gateway.settings.snapshot.app
    if origin is None or origin in app.admin_cors_origins:
        return
    if not is_same_origin(scope, app.app_url):
        raise CsrfFailed(_FOREIGN)


def _refuse_forged(gateway: Gateway, scope: Mapping[str, Any], *, csrf: str) -> None:
    """Refuse what comes with the cookie and might come from a foreign page."""
    socket = scope["type"] == ScopeType.WEBSOCKET
    if not socket and scope["method"] in _SAFE:
        return
    if not is_same_origin(scope, gateway.settings.snapshot.app.app_url):
        raise CsrfFailed(_UNPROVEN if origin_of(scope) is None else _FOREIGN)
    if socket:  # a page cannot give its handshake a header
        return
    headers = dict(scope["headers"])
    _require_typed(headers)
    if not hmac.compare_digest(headers.get(CSRF_HEADER, b""), csrf.encode()):
        raise CsrfFailed(_UNREPEATED)


def _require_typed(headers: Mapping[bytes, bytes]) -> None:
    """Require JSON or a form with files; an empty body needs no type."""
    media_type = (
        headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    )
    empty = b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"
    if media_type not in {JSON, MULTIPART} and not (empty and not media_type):
        raise UnsupportedMediaType(
            "With a cookie, changes are sent as JSON or as a form with files."
        )
