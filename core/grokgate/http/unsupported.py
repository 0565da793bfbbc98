"""The OpenAI and Anthropic routes that Grok cannot serve (`openai-contract.md` 12 and 10.3).

They are no routes here: the router's own 404 or 405 is looked up, so that a plugin which
registers one of these paths replaces the answer without being asked.
"""

from grokgate.errors import UnknownUrl

_TREES = (
    "/v1/assistants",
    "/v1/audio",
    "/v1/batches",
    "/v1/chatkit",
    "/v1/complete",
    "/v1/completions",
    "/v1/containers",
    "/v1/conversations",
    "/v1/decisions",
    "/v1/embeddings",
    "/v1/evals",
    "/v1/fine_tuning",
    "/v1/live",
    "/v1/messages/batches",
    "/v1/moderations",
    "/v1/organization",
    "/v1/realtime",
    "/v1/skills",
    "/v1/threads",
    "/v1/uploads",
    "/v1/vector_stores",
)
"""Each stands for itself and everything below it."""
_STORED = "/v1/chat/completions"
"""Stored completions are read and listed below the path that makes them."""
_OWN = frozenset({"/v1/uploads/image"})
"""Routes of the gateway's own inside these trees."""
_SHOWN = 200


class EndpointNotSupported(UnknownUrl):
    """A real route of the original APIs; 404, because clients repeat 501."""

    default_code = "endpoint_not_supported"

    def __init__(self, method: str, path: str) -> None:
        shown = "".join(char for char in f"{method} {path}" if char.isprintable())[:_SHOWN]
        super().__init__(f"This gateway does not offer {shown}.")


def is_unsupported(method: str, path: str) -> bool:
    """Tell whether a request that no route took is for something Grok cannot serve."""
    path = path.rstrip("/")
    if path == _STORED:
        return method == "GET"
    if path in _OWN:
        return False
    return any(path == tree or path.startswith(f"{tree}/") for tree in (*_TREES, _STORED))
