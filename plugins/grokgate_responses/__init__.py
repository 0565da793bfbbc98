"""``/v1/responses`` and its companions: stored, continued, streamed, in the background."""

from collections.abc import Iterable

from grokgate.plugin import RouteSpec, Settings, hookimpl
from grokgate_responses.compaction import compact_response
from grokgate_responses.companions import (
    cancel_response,
    count_input_tokens,
    delete_response,
    list_input_items,
    retrieve_response,
)
from grokgate_responses.routes import create_response
from grokgate_responses.settings import ResponsesSettings
from grokgate_responses.websocket import converse


@hookimpl
def grokgate_settings() -> type[Settings]:
    """Bound what is stored, and for how long."""
    return ResponsesSettings


@hookimpl
def grokgate_routes() -> Iterable[RouteSpec]:
    """Serve responses behind ``downstream.enable_responses``."""
    yield RouteSpec(
        id="responses",
        handlers=(
            create_response,
            retrieve_response,
            delete_response,
            cancel_response,
            list_input_items,
            count_input_tokens,
            compact_response,
            converse,
        ),
        summary="Answers conversations and keeps them: /v1/responses.",
        creates_work=True,
        serves=("chat",),
    )
