from types import SimpleNamespace
from typing import Any

import pytest
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.testing import TestClient

import grokgate_models
from grokgate.errors import GatewayError, ModelNotFound
from grokgate.openai import envelope
from grokgate.plugin import Caller, ModelCard, Offer

FOUR = ModelCard(
    id="grok-4.1",
    capability="chat",
    tier="basic",
    effort="low",
    created=1763337600,
    wire={},
    aliases=("four", "x/four"),
    display_name="Grok 4.1",
    description="General chat.",
)
IMAGINE = ModelCard(
    id="grok-imagine", capability="image", tier="super", effort="high", created=0, wire={}
)
PLAIN = {
    "id": "grok-4.1",
    "object": "model",
    "created": 1763337600,
    "owned_by": "xai",
    "display_name": "Grok 4.1",
    "description": "General chat.",
}
ANTHROPIC = {
    "type": "model",
    "id": "grok-4.1",
    "display_name": "Grok 4.1",
    "created_at": "2025-11-17T00:00:00Z",
    "lifecycle": "active",
    "max_input_tokens": None,
    "max_tokens": None,
    "capabilities": None,
}
VERSION = {"anthropic-version": "2023-06-01"}


class Catalog:
    def __init__(self, *cards: ModelCard) -> None:
        self._cards = cards

    def offered(self, caller: Caller) -> list[Offer]:
        return [Offer(card=card) for card in self._cards]

    def get(self, model: str, *, caller: Caller) -> Offer:
        for card in self._cards:
            if model in (card.id, *card.aliases):
                return Offer(card=card)
        raise ModelNotFound(model)


def client(*cards: ModelCard) -> TestClient[Litestar]:
    async def ctx() -> Any:
        return SimpleNamespace(models=Catalog(*cards))

    async def caller() -> Caller:
        return Caller(key_id="k1", name="k")

    def told(_: Request[Any, Any, Any], error: GatewayError) -> Response[Any]:
        return Response(envelope(error), status_code=error.status)

    (route,) = grokgate_models.grokgate_routes()
    return TestClient(
        Litestar(
            route.handlers,
            dependencies={"ctx": Provide(ctx), "caller": Provide(caller)},
            exception_handlers={GatewayError: told},
            logging_config=None,
        )
    )


def test_list_keeps_the_order_of_the_catalog() -> None:
    with client(FOUR, IMAGINE) as http:
        reply = http.get("/v1/models").json()

    assert reply["object"] == "list"
    assert reply["data"][0] == PLAIN
    assert [model["id"] for model in reply["data"]] == ["grok-4.1", "grok-imagine"]


def test_nameless_card_is_shown_by_its_id() -> None:
    with client(IMAGINE) as http:
        (model,) = http.get("/v1/models").json()["data"]

    assert model["display_name"] == "grok-imagine"


@pytest.mark.parametrize("name", ["grok-4.1", "four", "x/four"])
def test_model_is_found_by_id_and_alias(name: str) -> None:
    with client(FOUR) as http:
        assert http.get(f"/v1/models/{name}").json() == PLAIN


def test_unknown_model_is_not_found() -> None:
    with client(FOUR) as http:
        reply = http.get("/v1/models/grok-9")

    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/grok-4.1"])
def test_verbose_adds_what_the_card_says(path: str) -> None:
    with client(FOUR) as http:
        reply = http.get(path, params={"verbose": "1"}).json()

    model = reply["data"][0] if "data" in reply else reply
    assert model == {
        **PLAIN,
        "capability": "chat",
        "tier": "basic",
        "effort": "low",
        "aliases": ["four", "x/four"],
        "default_temperature": 1.0,
        "default_top_p": 0.95,
        "supported_max_output_tokens": 131072,
    }


def test_anthropic_list() -> None:
    with client(FOUR, IMAGINE) as http:
        reply = http.get("/v1/models", headers=VERSION).json()

    assert reply["data"][0] == ANTHROPIC
    assert (reply["first_id"], reply["last_id"]) == ("grok-4.1", "grok-imagine")
    assert reply["has_more"] is False


def test_empty_anthropic_list_has_no_ends() -> None:
    with client() as http:
        reply = http.get("/v1/models", headers=VERSION).json()

    assert reply == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_anthropic_model() -> None:
    with client(FOUR) as http:
        assert http.get("/v1/models/four", headers=VERSION).json() == ANTHROPIC


def test_models_are_read_only() -> None:
    with client(FOUR) as http:
        assert http.delete("/v1/models/grok-4.1").status_code == 405
