"""Actions that replace an answer by a refusal."""

from collections.abc import Mapping

from grokgate.sandbox.faults import (
    AccountState,
    Action,
    AntiBot,
    CfChallenge,
    HttpStatus,
    RateLimit,
    UploadError,
    WsHandshake,
)
from grokgate.sandbox.request import Reply, json_reply
from grokgate.sandbox.world import World


def refused(world: World, actions: tuple[Action, ...]) -> Reply | None:
    """Return the refusal that the first of *actions* asks for; None: answer as usual."""
    return next((reply for action in actions if (reply := _refusal(world, action))), None)


def refused_handshake(world: World, actions: tuple[Action, ...]) -> Reply | None:
    """Return the refusal of a handshake that the first of *actions* asks for."""
    forms = (action.form for action in actions if isinstance(action, WsHandshake))
    return next((reply for form in forms if (reply := _handshake(world, form))), None)


def _handshake(world: World, form: str) -> Reply | None:
    match form:
        case "slow":
            return None
        case "401":
            return world.refusal("session_lost")
        case "403_html":
            return world.refusal("challenge")
        case "403_empty":
            return Reply(status=403)
        case "403_json":
            return world.refusal("blocked")
        case _:
            return _bare_status(HttpStatus(code=int(form)))


def _refusal(world: World, action: Action) -> Reply | None:
    match action:
        case HttpStatus():
            return _bare_status(action)
        case AccountState(state=state):
            return world.refusal(state)
        case AntiBot(place="http"):
            return world.refusal("anti_bot")
        case RateLimit(place="http", retry_after_s=wait_s):
            return world.refusal("rate_limited", headers=_retry_after(wait_s))
        case CfChallenge(status=status, mitigated=mitigated):
            return _challenge(world, status=status, mitigated=mitigated)
        case UploadError(form=form) if form.isdigit():
            return _upload_failure(world, form)
        case _:
            return None


def _bare_status(action: HttpStatus) -> Reply:
    message = action.message or _MESSAGES.get(action.code, "Internal error")
    content_type, text = "text/plain", message
    match action.body:
        case "json":
            error = {"code": _CODES.get(action.code, 13), "message": message, "details": []}
            content_type, text = "application/json", json_reply({"error": error}).body.decode()
        case "html":
            content_type = "text/html; charset=UTF-8"
            text = f"<!DOCTYPE html><html><body><h1>{action.code} {message}</h1></body></html>"
        case "empty":
            text = ""
        case "text":
            pass
    return Reply(
        status=action.code,
        content_type=content_type,
        headers=action.headers,
        body=text.encode(),
    )


def _challenge(world: World, *, status: int, mitigated: bool) -> Reply:
    headers = dict(world.catalogue.refusals["challenge"].headers)
    if not mitigated:
        headers.pop("cf-mitigated", None)
    return world.refusal("challenge", status=status, headers=headers)


def _upload_failure(world: World, form: str) -> Reply:
    match form:
        case "413":
            return world.refusal("too_large")
        case "415":
            return world.refusal("unsupported_type")
        case _:
            return _bare_status(HttpStatus(code=int(form)))


def _retry_after(wait_s: int | None) -> dict[str, str]:
    return {} if wait_s is None else {"retry-after": str(wait_s)}


_CODES: Mapping[int, int] = {400: 3, 401: 16, 403: 7, 404: 5, 413: 3, 415: 3, 429: 8, 503: 14}
_MESSAGES: Mapping[int, str] = {
    400: "Invalid request",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "Not Found",
    429: "Too many requests",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "Gateway timeout",
}
