"""GET /v1/models and /v1/models/{id}, in the OpenAI and the Anthropic form."""

from collections.abc import Iterable

from grokgate.plugin import RouteSpec, hookimpl
from grokgate_models.routes import get_model, list_models


@hookimpl
def grokgate_routes() -> Iterable[RouteSpec]:
    """Serve the catalog behind ``downstream.enable_models``."""
    yield RouteSpec(
        id="models",
        handlers=(list_models, get_model),
        summary="Lists what may be used: GET /v1/models, GET /v1/models/{id}.",
    )
