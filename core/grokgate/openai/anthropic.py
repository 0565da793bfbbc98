"""The Anthropic family's form of an error (`openai-contract.md` 2.2 and 1.4)."""

from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from grokgate.errors import GatewayError
from grokgate.openai.sse import frame

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_STATUS = {503: 529}


class AnthropicErrorDetail(Struct, frozen=True, kw_only=True):
    """What went wrong, in the words of the Anthropic family."""

    type: str
    message: str


class AnthropicErrorReply(Struct, frozen=True, kw_only=True):
    """An error as the body of a reply, or as the data of an event."""

    type: Literal["error"] = "error"
    error: AnthropicErrorDetail
    request_id: str | UnsetType = UNSET
    """Not in events."""


def anthropic_status(error: GatewayError) -> int:
    """Return the status of a reply with *error*."""
    return _STATUS.get(error.status, error.status)


def anthropic_envelope(
    error: GatewayError, request_id: str | UnsetType = UNSET
) -> AnthropicErrorReply:
    """Render *error* as ``{"type": "error", …}``."""
    kind = _TYPES.get(error.status, "invalid_request_error")
    detail = AnthropicErrorDetail(type=kind, message=_message(error))
    return AnthropicErrorReply(error=detail, request_id=request_id)


def anthropic_body(error: GatewayError) -> bytes:
    """Render *error* as JSON, where it is too late for a status."""
    return msgspec.json.encode(anthropic_envelope(error))


def anthropic_frame(error: GatewayError) -> bytes:
    """Render *error* as the frame that a broken stream ends with."""
    return frame(anthropic_body(error), event="error")


def _message(error: GatewayError) -> str:
    """Put the place before the fault: the family has no field for it."""
    if error.param is None:
        return error.told
    place = error.param.replace("[", ".").replace("]", "")
    if error.code == "missing_required_parameter":
        return f"{place}: Field required"
    fault = error.told.removeprefix(f"Invalid value for '{error.param}': ")
    return f"{place}: {fault}"
