"""POST /v1/chat/completions, and the cards of the chat models."""

from collections.abc import Iterable

from grokgate.plugin import ModelCard, RouteSpec, Settings, hookimpl, load_cards
from grokgate_chat.routes import create_completion
from grokgate_chat.settings import ChatSettings


@hookimpl
def grokgate_settings() -> type[Settings]:
    """Bound the alternatives of one request."""
    return ChatSettings


@hookimpl
def grokgate_models() -> Iterable[ModelCard]:
    """Offer the chat models (F-MOD-02, F-MOD-03)."""
    return load_cards("grokgate_chat")


@hookimpl
def grokgate_routes() -> Iterable[RouteSpec]:
    """Serve chat completions behind ``downstream.enable_chat_completions``."""
    yield RouteSpec(
        id="chat_completions",
        handlers=(create_completion,),
        summary="Answers conversations: POST /v1/chat/completions.",
        creates_work=True,
        serves=("chat",),
    )
