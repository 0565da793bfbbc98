"""The OpenAI family's form of an error (`openai-contract.md` 2.1)."""

from typing import Any

import msgspec

from grokgate.errors import GatewayError
from grokgate.openai.sse import frame


def envelope(error: GatewayError) -> dict[str, Any]:
    """Render *error* as ``{"error": {…}}``, all four keys always; two of them may be None."""
    return {
        "error": {
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "code": error.code,
        }
    }


def error_frame(error: GatewayError) -> bytes:
    """Render *error* as the frame that a broken chat stream ends with, before ``[DONE]``."""
    return frame(msgspec.json.encode(envelope(error)))
