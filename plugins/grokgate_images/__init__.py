"""/v1/images/*: pictures from a prompt, changed pictures, and the cards of their models."""

from collections.abc import Iterable

from grokgate.plugin import CostRule, ModelCard, RouteSpec, Settings, hookimpl, load_cards
from grokgate_images.gallery import gallery
from grokgate_images.routes import create_images, edit_images, get_method, vary_images
from grokgate_images.settings import ImagesSettings


@hookimpl
def grokgate_settings() -> type[Settings]:
    """Say how edits are streamed, and fix the parameters of the fast model."""
    return ImagesSettings


@hookimpl
def grokgate_models() -> Iterable[ModelCard]:
    """Offer the image and edit models (F-MOD-02, F-MOD-03)."""
    return load_cards("grokgate_images")


@hookimpl
def grokgate_cost_rules() -> Iterable[CostRule]:
    """Price pictures where a model is asked in two ways (F-TOK-30).

    ``limits`` of its wire name the unit; where they do not, the effort of the card counts.
    """
    yield CostRule(units=1, capability="image", when={"priced": "call"})
    yield CostRule(units=1, capability="image", when={"priced": "picture"}, per="output")


@hookimpl
def grokgate_routes() -> Iterable[RouteSpec]:
    """Serve images behind ``downstream.enable_images``, edits behind one switch more."""
    yield RouteSpec(
        id="images",
        handlers=(create_images, get_method),
        summary="Makes pictures from a prompt: POST /v1/images/generations.",
        creates_work=True,
    )
    yield RouteSpec(
        id="image_edits",
        handlers=(edit_images, vary_images),
        summary="Changes pictures: POST /v1/images/edits.",
        requires=("images",),
        creates_work=True,
    )
    yield RouteSpec(
        id="gallery",
        handlers=(gallery,),
        summary="Makes pictures without end for the admin pages, over a WebSocket.",
        requires=("images",),
        access="admin",
    )
