"""The OpenAI family's form of an error (`openai-contract.md` 2.1)."""

import msgspec
from msgspec import Struct

from grokgate.errors import GatewayError
from grokgate.openai.sse import frame


class ErrorDetail(Struct, frozen=True, kw_only=True):
    """What went wrong; all four keys always."""

    message: str
    type: str
    param: str | None
    """Path of the field at fault."""
    code: str | None


class ErrorReply(Struct, frozen=True, kw_only=True):
    """An error as the body of a reply, or as a frame."""

    error: ErrorDetail


def envelope(error: GatewayError) -> ErrorReply:
    """Render *error* as ``{"error": {…}}``."""
    detail = ErrorDetail(message=error.told, type=error.type, param=error.param, code=error.code)
    return ErrorReply(error=detail)


def error_frame(error: GatewayError) -> bytes:
    """Render *error* as the frame that a broken chat stream ends with, before ``[DONE]``."""
    return frame(msgspec.json.encode(envelope(error)))
