"""POST /v1/messages and /v1/messages/count_tokens, in the form of Anthropic."""

from collections.abc import Iterable

from grokgate.plugin import RouteSpec, Settings, hookimpl
from grokgate_messages.routes import count_tokens, create_message
from grokgate_messages.settings import MessagesSettings


@hookimpl
def grokgate_settings() -> type[Settings]:
    """Map the names of models."""
    return MessagesSettings


@hookimpl
def grokgate_routes() -> Iterable[RouteSpec]:
    """Serve messages behind ``downstream.enable_messages``, which is off unless turned on."""
    yield RouteSpec(
        id="messages",
        handlers=(create_message, count_tokens),
        summary="Answers conversations in the form of Anthropic: POST /v1/messages.",
        default_enabled=False,
        family="anthropic",
        creates_work=True,
        serves=("chat",),
    )
